//! What Redis does in one step, in Lua.
//!
//! A value is `MASTER:VERSION:BODY`. The master that stored it calls itself by the first sixteen digits of its
//! `master_replid`, which changes whenever it is started again and whenever a replica takes its place
//! ([Redis replication](https://redis.io/docs/latest/operate/oss_and_stack/management/replication/), "Replication ID
//! explained"). What another one stored is read as nothing: it may lack what was written last. Whoever knows which
//! master is expected says so, and is refused by any other.

use std::sync::LazyLock;

use deadpool_redis::redis::{
    Arg, Cmd, ErrorKind, FromRedisValue, RedisResult, Script, ServerErrorKind, ToRedisArgs,
    aio::ConnectionLike, cmd,
};

/// A script, which has one key.
pub(crate) struct Lua {
    code: String,
    /// By which a server knows it.
    hash: String,
}

impl Lua {
    pub(crate) fn new(parts: &[&str]) -> Self {
        let code = parts.concat();
        let hash = Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }

    /// Prepares to run it on a key.
    pub(crate) fn key(&'static self, key: &str) -> Call {
        let mut by_hash = cmd("EVALSHA");
        by_hash.arg(&self.hash).arg(1).arg(key);
        Call { lua: self, by_hash }
    }
}

/// A script with its key and its arguments.
pub(crate) struct Call {
    lua: &'static Lua,
    by_hash: Cmd,
}

impl Call {
    pub(crate) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.by_hash.arg(argument);
        self
    }

    /// Runs it. A server that does not know it is sent it, and no other one.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        connection: &mut impl ConnectionLike,
    ) -> RedisResult<T> {
        match self.by_hash.query_async(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let mut with_code = cmd("EVAL");
                with_code.arg(&self.lua.code);
                for argument in self.by_hash.args_iter().skip(2) {
                    if let Arg::Simple(argument) = argument {
                        with_code.arg(argument);
                    }
                }
                with_code.query_async(connection).await
            }
            answer => answer,
        }
    }
}

/// `ARGV[1]` is the expected master, behind the number of the agreement on it; the number and an `@` alone where any
/// master of a cluster is; or empty. `mine` is how its values begin.
const MINE: &str = r"
    local info = redis.call('INFO', 'replication')
    local mine = string.match(info, 'master_replid:(%x+)')
    if not mine then
        return redis.error_reply('NOREPLID this server does not tell its master_replid')
    end
    if not string.find(info, 'role:master', 1, true) then
        return redis.error_reply('READONLY this is a replica')
    end
    mine = '@' .. string.sub(mine, 1, 16)
    if string.sub(ARGV[1], -1) == '@' then
        mine = string.sub(ARGV[1], 1, -2) .. mine
    elseif ARGV[1] ~= '' then
        if string.sub(ARGV[1], -#mine) ~= mine then
            return redis.error_reply('OTHERMASTER this is ' .. mine)
        end
        mine = ARGV[1]
    end
    mine = mine .. ':'
";

/// `version` is that of the entry of `mine` under the key, as a text, or false; `number` as a number, -1 where there is
/// none. A lease has a negative one.
const KEPT: &str = r"
    local kept = redis.pcall('GETRANGE', KEYS[1], 0, #mine + 20)
    local is_mine = type(kept) == 'string' and string.sub(kept, 1, #mine) == mine
    local version = is_mine and string.match(kept, '^(-?%d+):', #mine + 1)
    local number = version and tonumber(version) or -1
";

/// Reads what is kept, without its master; where there is nothing, or another master's, or somebody else's, it becomes
/// the lease `ARGV[2]` for `ARGV[3]` milliseconds. It writes even where there is something: a server that cannot be
/// written refuses to be read.
pub(crate) static READ: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        MINE,
        r"
        local lease = mine .. ARGV[2] .. ':'
        local kept = redis.pcall('SET', KEYS[1], lease, 'NX', 'GET', 'PX', ARGV[3])
        if not kept then
            return false
        end
        if type(kept) == 'string' and string.sub(kept, 1, #mine) == mine then
            return string.sub(kept, #mine + 1)
        end
        if type(kept) == 'table' and not string.find(kept.err, 'WRONGTYPE', 1, true) then
            return kept
        end
        redis.call('SET', KEYS[1], lease, 'PX', ARGV[3])
        return false
        ",
    ])
});

/// Stores `ARGV[2]:ARGV[3]` for `ARGV[4]` milliseconds, unless a newer version is stored. Any other
/// value is replaced.
pub(crate) static KEEP_NEWER: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        MINE,
        KEPT,
        r"
        if number > tonumber(ARGV[2]) then
            return 0
        end
        redis.call('SET', KEYS[1], mine .. ARGV[2] .. ':' .. ARGV[3], 'PX', ARGV[4])
        return 1
        ",
    ])
});

/// Stores `ARGV[2]:ARGV[3]`, which was written, for `ARGV[4]` milliseconds in the place that is kept for this
/// version; nothing where there is nothing or a newer version; and in place of anything else that it exists.
pub(crate) static PUBLISH: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        MINE,
        KEPT,
        r"
        if kept == '' then
            return 1
        end
        if number > tonumber(ARGV[2]) then
            return 0
        end
        local body = number == tonumber(ARGV[2]) and ARGV[3] or ''
        redis.call('SET', KEYS[1], mine .. ARGV[2] .. ':' .. body, 'PX', ARGV[4])
        return 1
        ",
    ])
});

/// Stores `ARGV[2]:ARGV[3]` for `ARGV[4]` milliseconds in place of an older version or of the lease that is
/// written as `ARGV[5]`, and says that by 1. Returns -1 where a newer version is stored or the lease is lost,
/// and else 0.
pub(crate) static KEEP_LEASED: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        MINE,
        KEPT,
        r"
        if number > tonumber(ARGV[2]) then
            return -1
        end
        if number < 0 and version ~= ARGV[5] then
            return ARGV[5] == '' and 0 or -1
        end
        if number == tonumber(ARGV[2]) and #kept > #mine + #version + 1 then
            return 0
        end
        redis.call('SET', KEYS[1], mine .. ARGV[2] .. ':' .. ARGV[3], 'PX', ARGV[4])
        return 1
        ",
    ])
});

/// Removes a value that still is `ARGV[2]`, stored by this master: a later write is left alone.
pub(crate) static REMOVE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        MINE,
        r"
        if redis.call('GET', KEYS[1]) ~= mine .. ARGV[2] then
            return 0
        end
        return redis.call('DEL', KEYS[1])
        ",
    ])
});

/// Writes the key for `ARGV[2]` milliseconds, and returns what the master calls itself.
pub(crate) static IDENTIFY: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        MINE,
        r"
        redis.call('SET', KEYS[1], '', 'PX', ARGV[2])
        return string.sub(mine, 1, -2)
        ",
    ])
});
