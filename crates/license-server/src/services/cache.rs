//! A bounded cache.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded map that forgets entries that were not used lately.
///
/// The cache has two generations. When the current generation is full, it becomes the previous one,
/// whose entries are forgotten. An entry that is used returns to the current generation.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    generations: Mutex<Generations<K, V>>,
    capacity: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    current: HashMap<K, V>,
    previous: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// Creates a cache for up to `2 * capacity` entries.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            generations: Mutex::new(Generations {
                current: HashMap::new(),
                previous: HashMap::new(),
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
        generations.insert(key, value.clone(), self.capacity);
        Some(value)
    }

    /// Inserts or replaces an entry.
    pub(super) fn insert(&self, key: K, value: V) {
        self.lock().insert(key, value, self.capacity);
    }

    /// Forgets all entries.
    pub(super) fn clear(&self) {
        let mut generations = self.lock();
        generations.current.clear();
        generations.previous.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn insert(&mut self, key: K, value: V, capacity: usize) {
        if self.current.len() >= capacity && !self.current.contains_key(&key) {
            self.previous = std::mem::take(&mut self.current);
        }
        self.previous.remove(&key);
        self.current.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
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
