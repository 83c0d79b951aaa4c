//! Recently used nodes, so that the way from a root is read once and not each time.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// At most so many values by key. When it is full, the older half goes: what was used
/// since it was last looked over stays.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    recent: BTreeMap<K, Arc<V>>,
    older: BTreeMap<K, Arc<V>>,
    count_max: usize,
}

impl<K: Ord + Clone, V> Cache<K, V> {
    /// Empty, for at most so many.
    pub(crate) fn new(count_max: usize) -> Self {
        Self { recent: BTreeMap::new(), older: BTreeMap::new(), count_max }
    }

    /// A value that is here.
    pub(crate) fn get(&mut self, key: &K) -> Option<Arc<V>> {
        if let Some(value) = self.recent.get(key) {
            return Some(Arc::clone(value));
        }
        let value = self.older.remove(key)?;
        self.put(key.clone(), Arc::clone(&value));
        Some(value)
    }

    /// Keeps a value for a while.
    pub(crate) fn put(&mut self, key: K, value: Arc<V>) {
        if self.recent.len() >= self.count_max / 2 {
            self.older = core::mem::take(&mut self.recent);
        }
        self.recent.insert(key, value);
    }

    /// A value will not be asked for again.
    pub(crate) fn forget(&mut self, key: &K) {
        self.recent.remove(key);
        self.older.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_there_are_never_too_many() {
        let mut cache = Cache::new(8);
        for number in 0..1000 {
            cache.put(number, Arc::new(number));
            assert_eq!(cache.get(&0).as_deref(), Some(&0));
            assert!(cache.recent.len() + cache.older.len() <= 8);
        }
        assert!(cache.get(&500).is_none());
        cache.forget(&0);
        assert!(cache.get(&0).is_none());
    }
}
