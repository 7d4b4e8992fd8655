//! What Redis does in one step, in Lua.
//!
//! A value is `MASTER:VERSION:BODY`. The master that stored it calls itself by the first sixteen digits of its
//! `master_replid`, which changes whenever it is started again and whenever a replica takes its place
//! ([Redis replication](https://redis.io/docs/latest/operate/oss_and_stack/management/replication/), "Replication ID
//! explained"). What another one stored is read as nothing: it may lack what was written last. Whoever knows which
//! master is expected says so, and is refused by any other.

use std::sync::LazyLock;

use deadpool_redis::redis::Script;

/// `ARGV[1]` is the expected master, behind the number of the agreement on it, or empty. `mine` is how its values
/// begin.
const MINE: &str = r"
    local mine = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
    if not mine then
        return redis.error_reply('NOREPLID this server does not tell its master_replid')
    end
    mine = '@' .. string.sub(mine, 1, 16)
    if ARGV[1] ~= '' then
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

fn script(parts: &[&str]) -> Script {
    Script::new(&parts.concat())
}

/// Reads what is kept, without its master; where there is nothing, or another master's, or somebody else's, it becomes
/// the lease `ARGV[2]` for `ARGV[3]` milliseconds. It writes even where there is something: a server that cannot be
/// written refuses to be read.
pub(crate) static READ: LazyLock<Script> = LazyLock::new(|| {
    script(&[
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
pub(crate) static KEEP_NEWER: LazyLock<Script> = LazyLock::new(|| {
    script(&[
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
pub(crate) static PUBLISH: LazyLock<Script> = LazyLock::new(|| {
    script(&[
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
pub(crate) static KEEP_LEASED: LazyLock<Script> = LazyLock::new(|| {
    script(&[
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
pub(crate) static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    script(&[
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
pub(crate) static IDENTIFY: LazyLock<Script> = LazyLock::new(|| {
    script(&[
        MINE,
        r"
        redis.call('SET', KEYS[1], '', 'PX', ARGV[2])
        return string.sub(mine, 1, -2)
        ",
    ])
});
