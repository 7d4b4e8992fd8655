//! Fast lookups of products. Those that arrive while statements are in progress are answered
//! together by the next one. When idle, no lookup waits; every answer was read after its lookup
//! arrived.

use std::{collections::HashMap, sync::Arc};

use async_channel::{Receiver, Sender, TrySendError};
use domain::{
    StorageError,
    catalog::{ProductId, StockedProduct},
};
use futures_channel::oneshot;
use futures_util::StreamExt;
use thread_local::ThreadLocal;
use uuid::Uuid;

use super::stocked_product;
use crate::{database::Database, error::column, pool::Pool};

const FIND_ALL: &str = "
    select products.id, nome, descricao, preco, sku, created_at, retired_at, version,
           quantidade_disponivel
    from products
    join stock on stock.product_id = any(array[products.id])
    where products.id = any($1)";

/// The most lookups that one statement answers.
const MAX_BATCH: usize = 256;

/// The most statements of a thread in progress at once: with one, the thread would be idle whenever
/// all its callers wait for it.
const MAX_IN_PROGRESS: usize = 2;

/// The most queued lookups of a thread; one more is refused.
const MAX_QUEUED: usize = 4_096;

/// Each thread reads for itself, over connections of its own, so that no answer has to wake another
/// thread.
#[derive(Clone)]
pub(crate) struct ProductReader {
    readers: Arc<ThreadLocal<Sender<Lookup>>>,
    database: Database,
}

type Answer = Result<Option<StockedProduct>, StorageError>;

struct Lookup {
    id: ProductId,
    answer: oneshot::Sender<Answer>,
}

impl ProductReader {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            readers: Arc::new(ThreadLocal::new()),
            database,
        }
    }

    pub(crate) async fn find(&self, id: ProductId) -> Answer {
        let reader = self.readers.get_or_try(|| {
            let connections = self.database.products(MAX_IN_PROGRESS)?;
            let (reader, lookups) = async_channel::bounded(MAX_QUEUED);
            tokio::spawn(read(connections, lookups));
            Ok::<_, StorageError>(reader)
        })?;
        let (answer, answered) = oneshot::channel();
        match reader.try_send(Lookup { id, answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(StorageError::unavailable(
                    "too many look-ups of products wait",
                ));
            }
            Err(TrySendError::Closed(_)) => {
                return Err(StorageError::unavailable(
                    "the reader of products has ended",
                ));
            }
        }
        answered.await.map_err(StorageError::unavailable)?
    }
}

/// Answers lookups until no sender is left.
async fn read(connections: Pool, lookups: Receiver<Lookup>) {
    lookups
        .ready_chunks(MAX_BATCH)
        .for_each_concurrent(MAX_IN_PROGRESS, |batch| answer(&connections, batch))
        .await;
}

async fn answer(connections: &Pool, batch: Vec<Lookup>) {
    let found = find_all(connections, &batch).await;
    for Lookup { id, answer } in batch {
        // A caller that has hung up gets no answer.
        let _ = answer.send(match &found {
            Ok(found) => found.get(&id.as_uuid()).cloned().transpose(),
            Err(error) => Err(error.clone()),
        });
    }
}

/// The products of a batch, by id. A row that breaks a rule fails only its own lookup.
async fn find_all(
    connections: &Pool,
    batch: &[Lookup],
) -> Result<HashMap<Uuid, Result<StockedProduct, StorageError>>, StorageError> {
    let client = connections.get().await?;
    let ids: Vec<Uuid> = batch.iter().map(|lookup| lookup.id.as_uuid()).collect();
    let rows = client.query(FIND_ALL, &[&ids]).await?;
    rows.iter()
        .map(|row| Ok((column(row, "id")?, stocked_product(row))))
        .collect()
}
