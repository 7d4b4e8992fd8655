//! The use cases of the catalogue.

use std::sync::Arc;

use thiserror::Error;
use time::{Duration, OffsetDateTime};

use super::{
    BestSeller, BestSellersList, BestSellersQuery, BestSellersReport, Import, ImportError,
    ImportMode, ImportStore, InsertProductError, Product, ProductChange, ProductEdit, ProductId,
    ProductRepository, ProductSort, ProductsFilter, StockedProduct,
};
use crate::{
    Clock, IdSource, StorageError,
    bulk::Export,
    cache::{Cache, ReadThrough},
    concurrency::bulkhead::Bulkhead,
    idempotency::{Created, Creation, CreationKey, Fingerprint, IdempotencyKey, KeyReused},
    identity::{Caller, Forbidden, Permission},
    stock::{MovementId, Stamp, Stock, StockId, StockLevel},
    unit_of_work::{CommitError, Opened},
    values::{
        Description, Expected, Freshness, Limit, Name, Page, PageRequest, Price, Sku, Sort, Version,
    },
};

/// Adds products, finds, changes and retires them, and lists the best sellers.
pub struct CatalogService {
    products: Arc<dyn ProductRepository>,
    imports: Arc<dyn ImportStore>,
    report: Arc<dyn BestSellersReport>,
    lists: ReadThrough<BestSellersList, CatalogError>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    reports: Bulkhead,
    /// How long a list of best sellers counts as fresh.
    fresh_for: Duration,
}

/// The most reports that wait for the one in progress: each takes a moment of the database.
const MAX_WAITING_REPORTS: usize = 8;

/// The product that a caller wants to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// The product's name.
    pub name: Name,
    /// The description, if there is one.
    pub description: Option<Description>,
    /// The price of one unit.
    pub price: Price,
    /// The shop's own number of the product, which no other may have.
    pub sku: Option<Sku>,
    /// The units that can be ordered.
    pub available: StockLevel,
}

/// Why a product was not added, found or changed, or best sellers were not listed.
#[derive(Debug, Clone, Error)]
pub enum CatalogError {
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// Another product has this number.
    #[error("another product has this number")]
    SkuTaken,
    /// The key stands for another request.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// The product has changed since the caller read it.
    #[error("the product has changed since it was read")]
    Stale,
    /// Too many reports wait already: this one was not started. A later attempt may succeed.
    #[error("too many reports are being made")]
    Busy,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl CatalogService {
    /// Lists of best sellers are read through `cache`, and recalculated when they are older than
    /// `fresh_for`.
    #[must_use]
    pub fn new(
        products: Arc<dyn ProductRepository>,
        imports: Arc<dyn ImportStore>,
        report: Arc<dyn BestSellersReport>,
        cache: Arc<dyn Cache<BestSellersList>>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        fresh_for: Duration,
    ) -> Self {
        Self {
            products,
            imports,
            report,
            lists: ReadThrough::new(cache),
            clock,
            ids,
            reports: Bulkhead::new(1, MAX_WAITING_REPORTS),
            fresh_for,
        }
    }

    /// Adds a product to the catalogue, together with its stock. With a key it is done once, however
    /// often it is requested: a repeat gets the first answer.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `SkuTaken`, `KeyReused`, or `Storage`.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewProduct,
        key: Option<IdempotencyKey>,
    ) -> Result<Created<StockedProduct>, CatalogError> {
        caller.must_have(Permission::ProductsWrite)?;
        let key = key.map(|key| CreationKey {
            account_id: Some(caller.account_id),
            key,
            fingerprint: new.fingerprint(),
        });
        if let Some(first) = self.created_under(key.as_ref()).await? {
            return Ok(new.replay(first));
        }
        let id = ProductId::new(self.ids.next_id());
        let StockedProduct { product, available } = new.clone().with(id, self.clock.now());
        let stamp = Stamp {
            id: MovementId::new(self.ids.next_id()),
            at: product.created_at,
            by: caller.into(),
        };
        let stock = Stock {
            id: StockId::new(self.ids.next_id()),
            product_id: id,
            available,
        };
        let stock = stock.opened(stamp);
        let by = caller.into();
        let inserted = self.products.insert(&product, &stock, key.as_ref(), &by);
        match inserted.await {
            Ok(()) => Ok(Created {
                entity: StockedProduct { product, available },
                is_replay: false,
            }),
            Err(InsertProductError::SkuTaken) => Err(CatalogError::SkuTaken),
            Err(InsertProductError::KeyTaken) => {
                // A repeat that came at the same time was faster.
                let first = self.created_under(key.as_ref()).await?;
                let first = first.ok_or(StorageError::unavailable("the key came and went"))?;
                Ok(new.replay(first))
            }
            Err(InsertProductError::Storage(error)) => Err(error.into()),
        }
    }

    /// What an earlier request with this key created.
    async fn created_under(
        &self,
        key: Option<&CreationKey>,
    ) -> Result<Option<Creation>, CatalogError> {
        let Some(key) = key else {
            return Ok(None);
        };
        Ok(key.replay(self.products.inserted_under(key).await?)?)
    }

    /// The product with this id and its current stock level. Those that are retired are there for
    /// the shop alone.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn get(
        &self,
        caller: Option<&Caller>,
        id: ProductId,
    ) -> Result<StockedProduct, CatalogError> {
        may_read(caller)?;
        let sees_retired = caller.is_some_and(|caller| caller.may(Permission::ProductsWrite));
        let found = self.products.find(id).await?;
        found
            .filter(|found| sees_retired || found.product.retired_at.is_none())
            .ok_or(CatalogError::NotFound)
    }

    /// A page of the products that are sold and that the filter describes.
    ///
    /// # Errors
    ///
    /// `Forbidden`, or `Storage`.
    pub async fn list(
        &self,
        caller: Option<&Caller>,
        filter: &ProductsFilter,
        sort: Sort<ProductSort>,
        page: &PageRequest,
    ) -> Result<Page<StockedProduct>, CatalogError> {
        may_read(caller)?;
        let page = page.of(caller);
        Ok(self.products.page(filter, sort, &page).await?)
    }

    /// The products that are sold and that the filter describes, as of one moment.
    ///
    /// # Errors
    ///
    /// `Forbidden`.
    pub fn export(
        &self,
        caller: &Caller,
        filter: ProductsFilter,
        freshness: Freshness,
    ) -> Result<Export<StockedProduct>, Forbidden> {
        caller.must_have(Permission::ProductsWrite)?;
        Ok(self.products.export(filter, freshness))
    }

    /// Begins an import of products, which takes rows as they come.
    ///
    /// # Errors
    ///
    /// `Forbidden`, or `Write`.
    pub async fn import(
        &self,
        caller: &Caller,
        mode: ImportMode,
        key: Option<IdempotencyKey>,
    ) -> Result<Import, ImportError> {
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Import::open(&*self.imports, caller, mode, key, clock, ids).await
    }

    /// Changes fields of a product. An edit that changes nothing writes nothing; orders that are
    /// placed keep their prices.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Stale`, `SkuTaken`, or `Storage`.
    pub async fn edit(
        &self,
        caller: &Caller,
        id: ProductId,
        edit: ProductEdit,
        expected: &Expected,
    ) -> Result<StockedProduct, CatalogError> {
        self.change(caller, id, expected, |product| product.edited(edit))
            .await
    }

    /// Retires a product: it is no longer listed, found or ordered, but still shown to the shop.
    /// Retiring it again changes nothing and succeeds.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Stale`, or `Storage`.
    pub async fn retire(
        &self,
        caller: &Caller,
        id: ProductId,
        expected: &Expected,
    ) -> Result<(), CatalogError> {
        let now = self.clock.now();
        self.change(caller, id, expected, |product| product.retired(now))
            .await?;
        Ok(())
    }

    /// Locks a product that is as the caller expects, and writes what `change` makes of it.
    async fn change(
        &self,
        caller: &Caller,
        id: ProductId,
        expected: &Expected,
        change: impl FnOnce(&Product) -> Option<Product> + Send,
    ) -> Result<StockedProduct, CatalogError> {
        caller.must_have(Permission::ProductsWrite)?;
        let opened = self.products.open(id).await?;
        let Opened { state: found, unit } = opened.ok_or(CatalogError::NotFound)?;
        if !expected.allows(&found.product.version) {
            unit.abandon().await?;
            return Err(CatalogError::Stale);
        }
        let Some(product) = change(&found.product) else {
            unit.abandon().await?;
            return Ok(found);
        };
        let changed = ProductChange {
            product: product.clone(),
            by: caller.into(),
            at: self.clock.now(),
        };
        match unit.commit(&changed).await {
            Ok(()) => Ok(StockedProduct { product, ..found }),
            Err(CommitError::Taken(_)) => Err(CatalogError::SkuTaken),
            Err(error) => Err(StorageError::from(error).into()),
        }
    }

    /// The best sellers of the period. While a list is recalculated, other callers get the previous
    /// one.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `Busy`, or `Storage`; the last two only when there is no previous list.
    pub async fn best_sellers(
        &self,
        caller: Option<&Caller>,
        query: BestSellersQuery,
    ) -> Result<Vec<BestSeller>, CatalogError> {
        may_read(caller)?;
        let (clock, days) = (&self.clock, query.period.days());
        let is_fresh = |list: &BestSellersList| clock.now() - list.as_of < self.fresh_for;
        let list = self
            .lists
            .get_fresh(days, is_fresh, || self.calculate(days))
            .await?;
        let items = list.iter().flat_map(|list| &list.items);
        Ok(items.take(query.limit.entries().into()).cloned().collect())
    }

    /// Calculates the longest list of a period; every shorter one is its beginning.
    fn calculate(
        &self,
        days: u16,
    ) -> impl Future<Output = Result<Option<BestSellersList>, CatalogError>> + Send + 'static {
        let report = Arc::clone(&self.report);
        let (clock, reports) = (Arc::clone(&self.clock), self.reports.clone());
        async move {
            let _permit = reports.acquire().await.map_err(|_| CatalogError::Busy)?;
            let as_of = clock.now();
            let first_day = (as_of - Duration::days(days.into())).date();
            let items = report.since(first_day, Limit::MAX.entries()).await?;
            Ok(Some(BestSellersList { days, as_of, items }))
        }
    }
}

impl NewProduct {
    /// The product that it becomes.
    fn with(self, id: ProductId, created_at: OffsetDateTime) -> StockedProduct {
        StockedProduct {
            product: Product {
                id,
                name: self.name,
                description: self.description,
                price: self.price,
                sku: self.sku,
                created_at,
                retired_at: None,
                version: Version::FIRST,
            },
            available: self.available,
        }
    }

    /// What is asked for.
    fn fingerprint(&self) -> Fingerprint {
        let description = self.description.as_ref().map(Description::as_str);
        let sku = self.sku.as_ref().map(Sku::as_str);
        let numbers = format!("{} {}", self.price, self.available.units());
        let is_there = [description.is_some().into(), sku.is_some().into()];
        Fingerprint::of([
            self.name.as_str().as_bytes(),
            description.unwrap_or_default().as_bytes(),
            sku.unwrap_or_default().as_bytes(),
            numbers.as_bytes(),
            &is_there,
        ])
    }

    /// The answer that the first request with this key got: what it asked for is the same.
    fn replay(self, first: Creation) -> Created<StockedProduct> {
        Created {
            entity: self.with(ProductId::new(first.id), first.created_at),
            is_replay: true,
        }
    }
}

/// The catalogue is public, except to callers whose permissions exclude it.
fn may_read(caller: Option<&Caller>) -> Result<(), Forbidden> {
    caller.map_or(Ok(()), |caller| caller.must_have(Permission::ProductsRead))
}

#[cfg(test)]
mod tests;
