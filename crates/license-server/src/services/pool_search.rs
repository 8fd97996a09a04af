//! Pools by their customer and by how many of their seats are used, and the leases of a pool.

use std::cmp::Reverse;

use license_core::session::SessionId;
use license_seats::Seq;

use super::pools::{LeaseView, PoolService, PoolStatus};
use super::vendor;
use crate::domain::{
    Cursor, LicenseSelection, Page, PageRequest, PoolId, PoolLevel, Refusal, RefusalKind,
};

/// The largest number of pages of licenses that one search reads, before it finds a pool.
const MAX_SEARCHED_PAGES: usize = 10;

/// Some of the pools in use.
#[derive(Clone, Debug)]
pub struct FullestPools {
    /// The pools with the longest queues first, and then those with the highest shares of held
    /// seats.
    pub items: Vec<PoolStatus>,
    /// Whether more pools are in use.
    pub has_more: bool,
}

impl PoolService {
    /// Finds pools by the beginnings of words: of the customer and the company, the id and the keys
    /// of the license that the terms of the pool come from. A page has at most as many pools as
    /// `page` permits, and can have fewer.
    ///
    /// # Errors
    ///
    /// Returns `BAD_CURSOR` if the cursor belongs to another list, and other refusals if the ledger
    /// or the store cannot be read.
    pub async fn search(
        &self,
        text: &str,
        page: &PageRequest,
    ) -> Result<Page<PoolStatus>, Refusal> {
        let site = self.site();
        let selection = LicenseSelection::all(site.wall()).text(text);
        vendor::copy_changes(site).await?;
        let mut page = page.clone();
        for _ in 0..MAX_SEARCHED_PAGES {
            let found = site.store.search_licenses(&site.tenant, &selection, &page);
            let found = found.await?;
            let mut items = Vec::new();
            for record in &found.items {
                // Other licenses of the pool can have another name, and are found too.
                let status = self.found(&record.pool).await?;
                items.extend(status.filter(|status| status.license == record.id));
            }
            page = PageRequest::new(found.next.clone(), Some(page.limit()));
            if !items.is_empty() || found.next.is_none() {
                return Ok(Page {
                    items,
                    next: found.next,
                });
            }
        }
        Ok(Page {
            items: Vec::new(),
            next: page.after,
        })
    }

    /// Returns the pools in use, those with the longest queues first, and then those with the
    /// highest shares of held seats. Leaves out the first `skip` of them.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn in_use(&self, skip: usize, limit: usize) -> Result<FullestPools, Refusal> {
        let site = self.site();
        let levels = site.store.pool_levels(&site.tenant).await?;
        self.fullest(levels, skip, limit).await
    }

    /// Returns some of the pools with these levels, in the order of [`in_use`](Self::in_use).
    pub(super) async fn fullest(
        &self,
        mut levels: Vec<PoolLevel>,
        skip: usize,
        limit: usize,
    ) -> Result<FullestPools, Refusal> {
        // The order by id is kept for pools with equal numbers.
        levels.sort_by_key(|level| Reverse((level.waiting, level.held_share())));
        let has_more = levels.len() > skip.saturating_add(limit);
        let mut items = Vec::new();
        for level in levels.iter().skip(skip).take(limit) {
            items.extend(self.found(&level.pool).await?);
        }
        Ok(FullestPools { items, has_more })
    }

    /// Returns the open leases of a pool, those held for the longest time first. Reads as many pages
    /// as are needed for `most` leases, and can return some more.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license, and a refusal if the store cannot be read.
    pub async fn first_leases(
        &self,
        pool: &PoolId,
        most: usize,
    ) -> Result<Page<LeaseView>, Refusal> {
        let (mut items, mut next) = (Vec::new(), None);
        loop {
            let page = PageRequest::new(next, Some(PageRequest::MAX_LIMIT));
            let found = self.leases(pool, &page).await?;
            items.extend(found.items);
            next = found.next;
            if next.is_none() || items.len() >= most {
                return Ok(Page { items, next });
            }
        }
    }

    /// Returns the open lease of a session, if it has this fencing number.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the pool has no license, and a refusal if the store cannot be read.
    pub async fn lease(
        &self,
        pool: &PoolId,
        session: SessionId,
        seq: Seq,
    ) -> Result<Option<LeaseView>, Refusal> {
        let before = i64::try_from(seq.0.saturating_sub(1)).unwrap_or(i64::MAX);
        let page = PageRequest::new(Some(Cursor::after(before.to_string())), Some(1));
        let found = self.leases(pool, &page).await?.items.pop();
        Ok(found.filter(|lease| lease.seq == seq.0 && lease.session == session))
    }

    /// Returns a pool, unless its license has no seats, or was removed.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn found(&self, pool: &PoolId) -> Result<Option<PoolStatus>, Refusal> {
        match self.get(pool).await {
            Ok(status) => Ok(Some(status)),
            Err(refusal) if refusal.kind != RefusalKind::Unavailable => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}
