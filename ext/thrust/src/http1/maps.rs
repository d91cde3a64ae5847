//! Maps for header fields, used again: each exchange takes two, too large for what the allocator has at hand.
//!
//! Who has written the fields of a message down gives its map back; one that went elsewhere is simply dropped.

use http::HeaderMap;

use crate::spares::Spares;

/// Fields for which a new map has room.
const USUAL_FIELDS: usize = 12;
/// A map that has room for more is not kept.
const LARGEST: usize = 48;

thread_local! {
    static FREE: Spares<HeaderMap> = const { Spares::new() };
}

/// An empty map.
pub(crate) fn lend() -> HeaderMap {
    FREE.with(Spares::take)
        .unwrap_or_else(|| HeaderMap::with_capacity(USUAL_FIELDS))
}

/// Takes a map back whose fields nobody needs any more.
pub(crate) fn give_back(mut map: HeaderMap) {
    if !(USUAL_FIELDS..=LARGEST).contains(&map.capacity()) {
        return;
    }
    map.clear();
    FREE.with(|free| free.keep(map));
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    #[test]
    fn a_map_is_used_again_without_what_was_in_it() {
        let mut map = lend();
        for value in ["a", "b"] {
            map.append(header::SET_COOKIE, HeaderValue::from_static(value));
        }

        give_back(map);
        let map = FREE.with(Spares::take).expect("it was kept");

        assert!(map.is_empty() && map.get(header::SET_COOKIE).is_none());
    }

    #[test]
    fn only_maps_of_the_usual_size_are_kept() {
        give_back(HeaderMap::new());
        give_back(HeaderMap::with_capacity(LARGEST + 1));

        assert!(FREE.with(Spares::take).is_none());
    }
}
