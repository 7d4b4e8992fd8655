//! Imports against mocked ports.

use mockall::Sequence;

use super::*;
use crate::{
    fixtures::{caller, clock, ids, name, own_caller, price, scoped},
    identity::Principal,
};

fn row(sku: Option<&str>) -> ImportRow {
    ImportRow {
        sku: sku.map(|sku| Sku::parse(sku).unwrap()),
        name: name("Café"),
        description: None,
        price: price("19.90"),
        available: None,
    }
}

const CREATED: ImportCounts = ImportCounts {
    created: 1,
    updated: 0,
    unchanged: 0,
};

fn first(mode: ImportMode) -> MockImportUnit {
    let mut unit = MockImportUnit::new();
    unit.expect_earlier().returning(|| Ok(None));
    if mode == ImportMode::InBatches {
        unit.expect_finish()
            .times(1)
            .returning(|_, _| Ok(ImportCounts::default()));
    }
    unit
}

async fn open(mode: ImportMode, unit: MockImportUnit) -> Import {
    let mut store = MockImportStore::new();
    store
        .expect_open()
        .return_once(move |_, _, _, _| Ok(Box::new(unit)));
    let key = Some(scoped("key").key);
    let staff = caller(Principal::Staff);
    Import::open(&store, &staff, mode, key, clock(), ids())
        .await
        .unwrap()
}

/// Expects batches of so many rows, in this sequence, and that this many rows are behind each.
fn expecting(mut unit: MockImportUnit, batches: &[(usize, u64)]) -> MockImportUnit {
    let mut sequence = Sequence::new();
    for &(length, rows) in batches {
        unit.expect_write()
            .withf(move |batch, _, checkpoint| batch.len() == length && checkpoint.rows == rows)
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_, _, _| Ok(CREATED));
    }
    unit
}

#[tokio::test]
async fn rows_are_written_in_batches_and_the_rest_at_the_end() {
    let unit = expecting(first(ImportMode::InBatches), &[(1_000, 1_000), (2, 1_002)]);
    let mut import = open(ImportMode::InBatches, unit).await;
    for _ in 0..1_002 {
        import.take(b"row", Some(row(None))).await.unwrap();
    }
    let outcome = import.finish().await.unwrap();
    assert_eq!(
        (outcome.rows, outcome.refused, outcome.counts.created),
        (1_002, 0, 2)
    );
}

#[tokio::test]
async fn one_number_stands_once_in_a_batch_and_the_row_behind_it_is_not_told_as_written() {
    let unit = expecting(first(ImportMode::InBatches), &[(2, 2), (1, 3)]);
    let mut import = open(ImportMode::InBatches, unit).await;
    for sku in ["A", "B", "A"] {
        import
            .take(sku.as_bytes(), Some(row(Some(sku))))
            .await
            .unwrap();
    }
    import.finish().await.unwrap();
}

#[tokio::test]
async fn a_refused_row_is_counted_and_an_atomic_import_does_nothing_with_one() {
    let mut unit = expecting(first(ImportMode::Atomic), &[]);
    unit.expect_write().never();
    unit.expect_finish().never();
    let mut import = open(ImportMode::Atomic, unit).await;
    import.take(b"good", Some(row(None))).await.unwrap();
    import.take(b"bad", None).await.unwrap();
    let outcome = import.finish().await.unwrap();
    assert_eq!((outcome.rows, outcome.refused), (2, 1));
    assert_eq!(outcome.counts, ImportCounts::default());
}

/// The checkpoint behind these rows.
async fn behind(rows: &[&[u8]]) -> Checkpoint {
    let mut unit = first(ImportMode::Atomic);
    unit.expect_finish().never();
    let mut import = open(ImportMode::Atomic, unit).await;
    for text in rows {
        import.take(text, Some(row(None))).await.unwrap();
    }
    import.checkpoint()
}

async fn resuming(checkpoint: Checkpoint, is_finished: bool, batches: &[(usize, u64)]) -> Import {
    let mut unit = MockImportUnit::new();
    let earlier = EarlierImport {
        checkpoint,
        counts: CREATED,
        is_finished,
    };
    unit.expect_earlier().returning(move || Ok(Some(earlier)));
    unit.expect_finish()
        .returning(|_, _| Ok(ImportCounts::default()));
    open(ImportMode::InBatches, expecting(unit, batches)).await
}

#[tokio::test]
async fn a_repeat_goes_on_where_the_first_broke_off() {
    let mut import = resuming(behind(&[b"one", b"two"]).await, false, &[(1, 3)]).await;
    for text in ["one", "two", "three"] {
        import.take(text.as_bytes(), Some(row(None))).await.unwrap();
    }
    let outcome = import.finish().await.unwrap();
    assert_eq!((outcome.rows, outcome.counts.created), (3, 2));
    assert!(!outcome.is_replay);
}

#[tokio::test]
async fn a_repeat_of_what_has_ended_writes_nothing_and_takes_no_further_row() {
    let done = behind(&[b"one", b"two"]).await;
    let repeat = async || {
        let mut import = resuming(done, true, &[]).await;
        for text in [b"one", b"two"] {
            import.take(text, Some(row(None))).await.unwrap();
        }
        import
    };
    let outcome = repeat().await.finish().await.unwrap();
    assert_eq!((outcome.rows, outcome.counts.created), (2, 1));
    assert!(outcome.is_replay);
    let longer = repeat().await.take(b"three", Some(row(None))).await;
    assert!(matches!(longer, Err(ImportError::KeyReused(_))));
}

#[tokio::test]
async fn a_key_does_not_stand_for_other_rows() {
    let done = behind(&[b"one", b"two"]).await;
    let mut import = resuming(done, false, &[]).await;
    import.take(b"one", Some(row(None))).await.unwrap();
    let other = import.take(b"TWO", Some(row(None))).await;
    assert!(matches!(other, Err(ImportError::KeyReused(_))));

    let mut import = resuming(done, false, &[]).await;
    import.take(b"one", Some(row(None))).await.unwrap();
    let shorter = import.finish().await;
    assert!(matches!(shorter, Err(ImportError::KeyReused(_))));
}

#[tokio::test]
async fn a_customer_imports_nothing() {
    let mut store = MockImportStore::new();
    store.expect_open().never();
    let customer = own_caller(1);
    let mode = ImportMode::InBatches;
    let refused = Import::open(&store, &customer, mode, None, clock(), ids()).await;
    assert!(matches!(refused, Err(ImportError::Forbidden(_))));
}
