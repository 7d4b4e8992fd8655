//! How the settings of sessions are told, and which ones hold.

use super::*;

const POOLED: Pooling = Pooling::Transaction {
    is_preparing: false,
};

fn sessions(pooling: Pooling) -> Sessions {
    Sessions {
        pooling,
        schema: None,
    }
}

fn of_a_schema(pooling: Pooling) -> Sessions {
    Sessions {
        schema: Some(Schema::parse("shop42").unwrap()),
        ..sessions(pooling)
    }
}

#[test]
fn options_of_the_url_come_last_and_so_win() {
    let settings = sessions(Pooling::Direct).by_id();
    let options = settings.options("-c statement_timeout=1s");
    assert!(options.starts_with("-c datestyle=iso "), "{options}");
    assert!(options.ends_with("-c statement_timeout=10s -c statement_timeout=1s"));
}

#[test]
fn a_transaction_begins_with_what_a_pooled_session_lacks() {
    for sessions in [sessions(POOLED), of_a_schema(POOLED)] {
        let begin = |settings| Session::of(&settings, &sessions, Duration::ZERO).begin;
        assert_eq!(begin(sessions.by_id()), BEGIN);
        assert_eq!(
            begin(sessions.locking()),
            format!("{BEGIN}; set local lock_timeout = '50ms'"),
        );
        let searches = begin(sessions.searches());
        assert!(searches.contains("set local enable_seqscan = 'on'"));
        assert!(searches.contains("set local statement_timeout = '3s'"));
        assert!(!searches.contains("datestyle"));
    }
}

#[test]
fn an_answer_may_take_as_long_as_its_statement_or_as_somebody_waits() {
    let direct = sessions(Pooling::Direct);
    let longest = |settings, patience| {
        let patience = Duration::from_secs(patience);
        Session::of(&settings, &direct, patience).longest.as_secs()
    };
    assert_eq!(longest(direct.by_id(), 2), 2);
    assert_eq!(longest(direct.searches(), 2), 4);
    assert_eq!(longest(direct.many_rows(), 2), 11);
    assert_eq!(longest(direct.many_rows(), 30), 30);
}

#[test]
fn a_session_may_have_other_timeouts_but_none_that_waits_for_ever() {
    let settings = sessions(POOLED).by_id();
    let check = |name, found| settings.check(name, found, Pooling::Session);
    assert_eq!(check("statement_timeout", "1min"), Ok(()));
    assert!(check("statement_timeout", "0").is_err());
    assert_eq!(check("datestyle", "ISO, MDY"), Ok(()));
    assert!(check("datestyle", "German, DMY").is_err());
    assert!(check("plan_cache_mode", "auto").is_err());
}

#[test]
fn a_session_looks_into_the_schema_of_its_shop_and_into_no_other() {
    let settings = of_a_schema(Pooling::Direct).by_id();
    assert!(
        settings
            .options("")
            .contains("-c search_path=shop42,public ")
    );
    let set = "set search_path = 'shop42', 'public'";
    assert!(settings.statements().contains(set));
    let check = |found| settings.check("search_path", found, Pooling::Direct);
    assert_eq!(check("shop42, public"), Ok(()));
    assert_eq!(check("\"shop42\", public"), Ok(()));
    for other in [
        "\"$user\", public",
        "shop42",
        "shop43, public",
        "\"shop42, public\"",
    ] {
        assert!(check(other).is_err(), "{other}");
    }
}

#[test]
fn what_a_pooler_lacks_is_told_with_what_it_should_say() {
    let lax = sessions(POOLED)
        .by_id()
        .check("enable_seqscan", "on", POOLED);
    let told = lax.unwrap_err().to_string();
    assert!(told.starts_with("enable_seqscan is \"on\""), "{told}");
    assert!(told.contains("connect_query be: set client_connection_check_interval = '1s'; set "));
    assert!(!told.contains('\n'));
}
