/// Go's names of Unicode classes (categories, scripts and aliases of Unicode 15) that can be written in
/// `\p{…}`. Scripts of two words are missing on purpose: Go removes the `_` before it looks them
/// up, and finds nothing.
const CLASSES: &str = "\
    Adlam Ahom Any Arabic Armenian Ascii Assigned Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi \
    Braille Buginese Buhid C Carian Casedletter Cc Cf Chakma Cham Cherokee Chorasmian Closepunctuation Cn Cntrl \
    Co Combiningmark Common Connectorpunctuation Control Coptic Cs Cuneiform Currencysymbol Cypriot Cyrillic \
    Dashpunctuation Decimalnumber Deseret Devanagari Digit Dogra Duployan Elbasan Elymaic Enclosingmark Ethiopic \
    Finalpunctuation Format Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran \
    Hebrew Hiragana Inherited Initialpunctuation Javanese Kaithi Kannada Katakana Kawi Kharoshthi Khmer Khojki \
    Khudawadi L Lao Latin Lc Lepcha Letter Letternumber Limbu Lineseparator Lisu Ll Lm Lo Lowercaseletter Lt Lu \
    Lycian Lydian M Mahajani Makasar Malayalam Mandaic Manichaean Marchen Mark Mathsymbol Mc Me Medefaidrin Miao \
    Mn Modi Modifierletter Modifiersymbol Mongolian Mro Multani Myanmar N Nabataean Nandinagari Nd Newa Nko Nl \
    No Nonspacingmark Number Nushu Ogham Openpunctuation Oriya Osage Osmanya Other Otherletter Othernumber \
    Otherpunctuation Othersymbol P Palmyrene Paragraphseparator Pc Pd Pe Pf Phoenician Pi Po Privateuse Ps Punct \
    Punctuation Rejang Runic S Samaritan Saurashtra Sc Separator Sharada Shavian Siddham Sinhala Sk Sm So \
    Sogdian Soyombo Spaceseparator Spacingmark Sundanese Surrogate Symbol Syriac Tagalog Tagbanwa Takri Tamil \
    Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Titlecaseletter Toto Ugaritic Unassigned \
    Uppercaseletter Vai Vithkuqi Wancho Yezidi Yi Z Zl Zp Zs";

/// Whether Go finds a class of this name: case counts as little as `_`, `-` and spaces.
pub(super) fn is_class(name: &str) -> bool {
    let mut canonical = String::new();
    for c in name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')) {
        canonical.push(if canonical.is_empty() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
    }
    !canonical.is_empty() && CLASSES.split(' ').any(|class| class == canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_hundred_names() {
        assert_eq!(CLASSES.split(' ').count(), 200);
    }

    #[test]
    fn spelling_is_free() {
        for name in ["L", "l", "Greek", "GREEK", "Cased_Letter", "uppercase letter", "any", "ASCII", "LC"] {
            assert!(is_class(name), "{name}");
        }
        for name in ["", "Foo", "Old_Italic", "X"] {
            assert!(!is_class(name), "{name}");
        }
    }
}
