//! What Redis does in one step, in Lua.

use std::sync::LazyLock;

use deadpool_redis::redis::Script;

/// Stores `ARGV[1]:ARGV[2]` for `ARGV[3]` milliseconds, unless a newer version is stored. Any other
/// value is replaced.
pub(crate) static KEEP_NEWER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local kept = redis.pcall('GETRANGE', KEYS[1], 0, 19)
        local version = type(kept) == 'string' and tonumber(string.match(kept, '^(%d+):'))
        if version and version > tonumber(ARGV[1]) then
            return 0
        end
        redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
        return 1
        ",
    )
});

/// Stores `ARGV[1]:ARGV[2]`, which was written, for `ARGV[3]` milliseconds in the place that is kept for this
/// version; nothing where there is nothing or a newer version; and in place of anything else that it exists.
pub(crate) static PUBLISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local kept = redis.pcall('GETRANGE', KEYS[1], 0, 19)
        if kept == '' then
            return 1
        end
        local version = type(kept) == 'string' and string.match(kept, '^(%d+):')
        local number = version and tonumber(version) or -1
        if number > tonumber(ARGV[1]) then
            return 0
        end
        local body = number == tonumber(ARGV[1]) and ARGV[2] or ''
        redis.call('SET', KEYS[1], ARGV[1] .. ':' .. body, 'PX', ARGV[3])
        return 1
        ",
    )
});

/// Stores `ARGV[1]:ARGV[2]` for `ARGV[3]` milliseconds in place of an older version or of the lease that is
/// written as `ARGV[4]`, and says that by 1. Returns -1 where a newer version is stored or the lease is lost,
/// and else 0.
pub(crate) static KEEP_LEASED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local kept = redis.pcall('GETRANGE', KEYS[1], 0, 20)
        local version = type(kept) == 'string' and string.match(kept, '^(-?%d+):')
        local number = version and tonumber(version) or -1
        if number > tonumber(ARGV[1]) then
            return -1
        end
        if number < 0 and version ~= ARGV[4] then
            return ARGV[4] == '' and 0 or -1
        end
        if number == tonumber(ARGV[1]) and #kept > #version + 1 then
            return 0
        end
        redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
        return 1
        ",
    )
});

/// Removes a value that is not a string, or that still equals `ARGV[1]`: a later write is left
/// alone.
pub(crate) static REMOVE_FOREIGN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local is_text = redis.call('TYPE', KEYS[1]).ok == 'string'
        if is_text and redis.call('GET', KEYS[1]) ~= ARGV[1] then
            return 0
        end
        return redis.call('DEL', KEYS[1])
        ",
    )
});
