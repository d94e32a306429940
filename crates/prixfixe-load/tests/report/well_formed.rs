//! Reads a page back: every element that is opened is closed, in order.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Elements of HTML that have no end.
const VOID: [&str; 2] = ["meta", "br"];

/// Elements a report may have. Anything else came in from outside.
const KNOWN: &str = "html head meta title style script body main header section article h1 h2 h3 h4 \
    p ul li dl dt dd div span strong code pre time i br figure details summary button table caption \
    thead tbody tr th td svg g line text path";

/// Panics with the place where a page is not sound.
pub(crate) fn check(page: &str) {
    let mut reader = Reader::from_str(page);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut open: Vec<String> = Vec::new();
    loop {
        let place = reader.buffer_position();
        let near = || around(page, place as usize);
        match reader.read_event() {
            Err(error) => panic!("{error} near {}", near()),
            Ok(Event::Eof) => break,
            Ok(Event::Start(start)) => {
                let name = start.name().as_ref().to_owned();
                let known = KNOWN.split_whitespace().any(|known| known == name);
                assert!(known, "an element of unknown name near {}", near());
                for attribute in start.html_attributes() {
                    let attribute =
                        attribute.unwrap_or_else(|error| panic!("{error} near {}", near()));
                    assert!(
                        !attribute.key.as_ref().starts_with("on"),
                        "a script in an attribute near {}",
                        near()
                    );
                }
                if name == "script" || name == "style" {
                    let end = start.to_end().into_owned();
                    let inside = reader.read_text(end.name()).unwrap();
                    assert!(!inside.contains("</"), "an element within {}", near());
                } else if !VOID.contains(&&name[..]) {
                    open.push(name);
                }
            }
            Ok(Event::End(end)) => {
                let opened = open.pop();
                assert_eq!(
                    opened.as_deref(),
                    Some(end.name().as_ref()),
                    "near {}",
                    near()
                );
            }
            Ok(Event::Text(text)) => {
                assert!(!text.contains('<'), "near {}", near());
            }
            Ok(_) => {}
        }
    }
    assert!(open.is_empty(), "{} elements are never closed", open.len());
}

/// A hundred octets before and behind a place.
fn around(page: &str, place: usize) -> &str {
    let from = page.floor_char_boundary(place.saturating_sub(100));
    let to = page.floor_char_boundary(place.saturating_add(100).min(page.len()));
    &page[from..to]
}
