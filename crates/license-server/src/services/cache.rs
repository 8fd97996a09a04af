//! A bounded cache.

use std::borrow::Borrow;
use std::collections::{HashMap, hash_map};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded map that forgets entries that were not used lately.
///
/// The cache has two generations. When the current generation is full, it becomes the previous one,
/// whose entries are forgotten. An entry that is used returns to the current generation. Forgotten
/// entries are dropped two at a time, so that no caller waits until thousands of licenses are.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    generations: Mutex<Generations<K, V>>,
    capacity: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    current: HashMap<K, V>,
    previous: HashMap<K, V>,
    /// Entries that no caller gets.
    forgotten: Vec<hash_map::IntoIter<K, V>>,
}

/// Forgotten entries that a caller drops after it has released the lock.
type Dropped<K, V> = [Option<(K, V)>; 2];

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// Creates a cache for up to `2 * capacity` entries, and as many that are forgotten.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            generations: Mutex::new(Generations {
                current: HashMap::new(),
                previous: HashMap::new(),
                forgotten: Vec::new(),
            }),
            capacity,
        }
    }

    /// Returns an entry.
    pub(super) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut generations = self.lock();
        if let Some(value) = generations.current.get(key) {
            return Some(value.clone());
        }
        let (key, value) = generations.previous.remove_entry(key)?;
        let dropped = generations.insert(key, value.clone(), self.capacity);
        drop(generations);
        drop(dropped);
        Some(value)
    }

    /// Inserts or replaces an entry.
    pub(super) fn insert(&self, key: K, value: V) {
        let mut generations = self.lock();
        let dropped = generations.insert(key, value, self.capacity);
        drop(generations);
        drop(dropped);
    }

    /// Forgets all entries.
    pub(super) fn clear(&self) {
        let mut generations = self.lock();
        let current = std::mem::take(&mut generations.current);
        let previous = std::mem::take(&mut generations.previous);
        generations.forget(current);
        generations.forget(previous);
    }

    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn insert(&mut self, key: K, value: V, capacity: usize) -> Dropped<K, V> {
        if self.current.len() >= capacity && !self.current.contains_key(&key) {
            let current = std::mem::take(&mut self.current);
            let previous = std::mem::replace(&mut self.previous, current);
            self.forget(previous);
        }
        self.previous.remove(&key);
        self.current.insert(key, value);
        [self.next_forgotten(), self.next_forgotten()]
    }

    fn forget(&mut self, entries: HashMap<K, V>) {
        if !entries.is_empty() {
            self.forgotten.push(entries.into_iter());
        }
    }

    fn next_forgotten(&mut self) -> Option<(K, V)> {
        while let Some(entries) = self.forgotten.last_mut() {
            if let Some(entry) = entries.next() {
                return Some(entry);
            }
            self.forgotten.pop();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_entries_that_are_used() {
        let cache = Cache::new(10);
        for number in 0..1000 {
            cache.insert(number, number);
            assert_eq!(cache.get(&0), Some(0), "after {number}");
        }
        let generations = cache.lock();
        assert!(generations.current.len() + generations.previous.len() <= 20);
        assert!(generations.forgotten.len() <= 1);
    }

    #[test]
    fn forgotten_entries_are_dropped_two_at_a_time() {
        let entry = Arc::new(());
        let cache = Cache::new(100);
        for number in 0..201 {
            cache.insert(number, Arc::clone(&entry));
        }
        // The first generation was forgotten with the last entry.
        assert_eq!(Arc::strong_count(&entry), 1 + 201 - 2);
        cache.clear();
        assert_eq!(Arc::strong_count(&entry), 1 + 201 - 2);
        assert!(cache.get(&200).is_none());
        for number in 0..100 {
            let before = Arc::strong_count(&entry);
            cache.insert(number, Arc::clone(&entry));
            assert!(Arc::strong_count(&entry) + 1 >= before, "after {number}");
        }
        for number in 0..20 {
            cache.insert(number, Arc::clone(&entry));
        }
        assert_eq!(Arc::strong_count(&entry), 1 + 100);
    }

    #[test]
    fn a_replaced_entry_of_the_previous_generation_does_not_return() {
        let cache = Cache::new(1);
        cache.insert("a", 1);
        cache.insert("b", 2);
        cache.insert("a", 3);
        cache.insert("c", 4);
        assert_eq!(cache.get("a"), Some(3));
        cache.clear();
        assert_eq!(cache.get("a"), None);
    }
}
