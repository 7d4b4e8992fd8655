//! Movements: changes of stock that are no order's.

use time::OffsetDateTime;

use super::{LedgerReason, Stock, StockLevel};
use crate::{
    catalog::ProductId,
    idempotency::{CreationKey, Fingerprint},
    identity::Actor,
    values::{Note, ValueError, id::id},
};

id!(
    /// Identifies a [`Movement`].
    MovementId
);

/// Units that come or go: not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockDelta(i64);

impl StockDelta {
    /// The most units that come or go at once.
    pub const MAX: i64 = StockLevel::MAX_COUNTED;

    /// Accepts -1 000 000 000 to 1 000 000 000, but not 0.
    ///
    /// # Errors
    ///
    /// When the number is outside that range, or zero.
    pub fn parse(units: i64) -> Result<Self, ValueError> {
        if units.unsigned_abs() > Self::MAX.unsigned_abs() {
            return Err(ValueError::OutOfRange {
                min: -Self::MAX,
                max: Self::MAX,
            });
        }
        if units == 0 {
            return Err(ValueError::Malformed {
                expected: "a number that is not 0: how many units come, or go with a minus",
            });
        }
        Ok(Self(units))
    }

    /// How many units come; negative when they go.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }
}

/// Why somebody moves stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementReason {
    /// Units were delivered to the shop.
    Receipt,
    /// The books were wrong.
    Adjustment,
    /// Units came back, or went back.
    Return,
    /// Units were broken, stolen or spoilt.
    Loss,
}

impl MovementReason {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Receipt, Self::Adjustment, Self::Return, Self::Loss];
}

impl From<MovementReason> for LedgerReason {
    fn from(reason: MovementReason) -> Self {
        match reason {
            MovementReason::Receipt => Self::Receipt,
            MovementReason::Adjustment => Self::Adjustment,
            MovementReason::Return => Self::Return,
            MovementReason::Loss => Self::Loss,
        }
    }
}

/// The movement that a caller wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMovement {
    /// How many units come or go.
    pub delta: StockDelta,
    /// Why.
    pub reason: MovementReason,
    /// What is to be noted with it.
    pub note: Option<Note>,
}

impl NewMovement {
    /// What is asked for.
    pub(super) fn fingerprint(&self, product_id: ProductId) -> Fingerprint {
        let note = self.note.as_ref().map(Note::as_str);
        Fingerprint::of([
            &product_id.as_uuid().as_bytes()[..],
            &self.delta.units().to_be_bytes(),
            LedgerReason::from(self.reason).as_str().as_bytes(),
            note.unwrap_or_default().as_bytes(),
            &[note.is_some().into()],
        ])
    }
}

/// A change of stock, to be written to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Its id.
    pub id: MovementId,
    /// When: while the stock was locked, so that moments follow each other as changes do.
    pub at: OffsetDateTime,
    /// How many units came; negative when they went. Never zero.
    pub delta: i64,
    /// Why.
    pub reason: LedgerReason,
    /// What was noted with it.
    pub note: Option<Note>,
    /// Who did it.
    pub by: Actor,
}

/// Who changes stock, when, and the id that the change gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The id of the movement.
    pub id: MovementId,
    /// When.
    pub at: OffsetDateTime,
    /// Who.
    pub by: Actor,
}

impl Stamp {
    fn movement(self, delta: i64, reason: LedgerReason, note: Option<Note>) -> Movement {
        Movement {
            id: self.id,
            at: self.at,
            delta,
            reason,
            note,
            by: self.by,
        }
    }
}

/// The stock of a new product: all that storage has to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStock {
    /// The stock.
    pub stock: Stock,
    /// What the ledger says of its first units; nothing when there are none.
    pub opening: Option<Movement>,
}

/// A decided change of stock: all that storage has to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockChange {
    /// The stock after it.
    pub stock: Stock,
    /// What the ledger says of it.
    pub movement: Movement,
    /// The key under which it was asked for.
    pub key: Option<CreationKey>,
}

impl Stock {
    /// This stock, of a new product, and what the ledger says of it.
    #[must_use]
    pub fn opened(self, stamp: Stamp) -> NewStock {
        NewStock {
            stock: self,
            opening: self.counted_from(StockLevel::EMPTY, LedgerReason::Opening, stamp),
        }
    }

    /// Decides what a count means for this stock, which is locked; `None` when it is what was
    /// counted.
    #[must_use]
    pub fn counted(&self, available: StockLevel, stamp: Stamp) -> Option<StockChange> {
        let stock = Self { available, ..*self };
        let movement = stock.counted_from(self.available, LedgerReason::Count, stamp)?;
        Some(StockChange {
            stock,
            movement,
            key: None,
        })
    }

    fn counted_from(
        &self,
        before: StockLevel,
        reason: LedgerReason,
        stamp: Stamp,
    ) -> Option<Movement> {
        let delta = self.available.units() - before.units();
        (delta != 0).then(|| stamp.movement(delta, reason, None))
    }

    /// Decides a movement of this stock, which is locked; `None` when there are not as many units.
    #[must_use]
    pub fn moved(
        &self,
        new: NewMovement,
        stamp: Stamp,
        key: Option<CreationKey>,
    ) -> Option<StockChange> {
        let delta = new.delta.units();
        let units = self.available.units().checked_add(delta)?;
        let stock = Self {
            available: StockLevel::from_stored(units).ok()?,
            ..*self
        };
        let movement = stamp.movement(delta, new.reason.into(), new.note);
        Some(StockChange {
            stock,
            movement,
            key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixtures::{account_id, now, product_id},
        identity::Role,
        stock::StockId,
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    fn stock(units: i64) -> Stock {
        Stock {
            id: StockId::new(Uuid::from_u128(1)),
            product_id: product_id(1),
            available: StockLevel::parse(units).unwrap(),
        }
    }

    fn stamp() -> Stamp {
        Stamp {
            id: MovementId::new(Uuid::from_u128(2)),
            at: now(),
            by: Actor::new(account_id(3), Role::Staff, None),
        }
    }

    fn loss(units: i64) -> NewMovement {
        NewMovement {
            delta: StockDelta::parse(units).unwrap(),
            reason: MovementReason::Loss,
            note: None,
        }
    }

    #[test]
    fn a_delta_is_up_to_a_billion_either_way_and_not_zero() {
        for units in [1, -1, 1_000_000_000, -1_000_000_000] {
            assert_eq!(StockDelta::parse(units).unwrap().units(), units);
        }
        for units in [0, 1_000_000_001, -1_000_000_001, i64::MIN, i64::MAX] {
            assert!(StockDelta::parse(units).is_err(), "{units}");
        }
    }

    #[test]
    fn stock_moves_down_to_zero_and_no_further() {
        let change = stock(3).moved(loss(-3), stamp(), None).unwrap();
        assert_eq!(change.stock.available, StockLevel::EMPTY);
        assert_eq!(change.movement.delta, -3);
        assert_eq!(change.movement.reason, LedgerReason::Loss);
        assert_eq!(stock(3).moved(loss(-4), stamp(), None), None);
    }

    #[test]
    fn an_empty_opening_and_a_count_of_what_is_there_are_no_changes() {
        assert_eq!(stock(0).opened(stamp()).opening, None);
        assert_eq!(stock(5).counted(stock(5).available, stamp()), None);
        let opening = stock(5).opened(stamp()).opening.unwrap();
        assert_eq!((opening.delta, opening.reason), (5, LedgerReason::Opening));
    }

    proptest! {
        #[test]
        fn the_movement_is_the_difference(before in 0..=1_000_i64, after in 0..=1_000_i64) {
            let counted = stock(before).counted(stock(after).available, stamp());
            let delta = counted.as_ref().map_or(0, |change| change.movement.delta);
            prop_assert_eq!(before + delta, after);
            prop_assert!(counted.is_none_or(|change| change.stock == stock(after)));
        }
    }
}
