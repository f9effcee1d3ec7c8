//! What the generated rules are made of: good, doubtful, bad and hostile pieces.

#[rustfmt::skip]
pub(crate) const HTTP_V3: &[&str] = &[
    "Host", "Host", "Host", "HostRegexp", "Path", "PathPrefix", "PathPrefix", "PathRegexp", "Method", "Header",
    "HeaderRegexp", "Query", "QueryRegexp", "ClientIP",
];

#[rustfmt::skip]
pub(crate) const HTTP_V2: &[&str] = &[
    "Host", "Host", "HostHeader", "HostRegexp", "HostRegexp", "Path", "PathPrefix", "Method", "Headers",
    "HeadersRegexp", "Query", "Query", "ClientIP",
];

#[rustfmt::skip]
pub(crate) const TCP: &[&str] = &[
    "HostSNI", "HostSNI", "HostSNIRegexp", "ClientIP", "ALPN",
];

#[rustfmt::skip]
pub(crate) const HOSTS: &[&str] = &[
    "a.com", "A.Com", "b.example.org", "*", "*.a.com", "*a.com", "**", "a.com.", "a.com:80", "a b", "é.com", "x_y-1",
    "::1", "{a}.com", "{a:[a-z]+}.com", "-", ".", "a/b", "xn--bcher-kva.example", "\u{212a}", "*.", "*.*", "a*",
];

#[rustfmt::skip]
pub(crate) const PATHS: &[&str] = &[
    "/", "/x", "/a b", "x", "", " /x", "/é", "/{id}", "/{id:[0-9]+}", "/{id:[}", "/{", "/}", "/{}", "/{a:}", "/{:b}",
    "/{a}{a}", "/x?y=z", "/{a:(}", "/{a:)(}", "/{a:b{1,2}}", "/{a:(?P<v0>x)}", "/{a:\\pL}", "//", "/*",
];

#[rustfmt::skip]
pub(crate) const ADDRESSES: &[&str] = &[
    "10.0.0.1", "10.0.0.0/8", "::1", "fe80::/10", "10.0.0", "10.0.0.0/33", "::/129", "010.0.0.1", "1.2.3.4:80",
    "[::1]", "::ffff:1.2.3.4", "fe80::1%eth0", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/", "/8", "1:2:3:4:5:6:7::",
    "1::2::3", "12345::", "::1.2.3", "10.0.0.0/8/8", "256.0.0.1", "1:2:3:4:5:6:7:8", "::", "1:2:3:4:5:6:1.2.3.4",
    "0.0.0.0/0", "10.0.0.0/00000000000000000000008", "::01.2.3.4",
];

#[rustfmt::skip]
pub(crate) const WORDS: &[&str] = &[
    "GET", "get", "X-Foo", "a", "a=b", "a=", "=b", "=", "é", "h2", "acme-tls/1", "", " ", "a={x:[a-z]+}", "a={x}",
    "a={", "Host",
];

#[rustfmt::skip]
pub(crate) const REGEXPS: &[&str] = &[
    "a", "b", "(", "(", ")", ")", "[", "]", "{", "}", "*", "+", "?", "|", "^", "$", ".", "-", "\\", "1", "2", ",",
    "{2}", "{1000}", "{1001}", "{2,1}", "{,3}", "{3,}", "(?i)", "(?:", "(?P<n>", "(?<m>", "(?P<", "(?-s:", "(?U",
    "(?x)", "(?=", "(?i-", "[^", "[[:alpha:]]", "[:digit:]", "[[:^word:]]", "[[:foo:]]", "\\d", "\\W", "\\pL",
    "\\p{Greek}", "\\P{^Lu}", "\\p{", "\\p{foo}", "\\p{Old_Italic}", "\\Q", "\\E", "\\A", "\\z", "\\Z", "\\b", "\\B",
    "\\C", "\\1", "\\12", "\\0", "\\8", "\\x41", "\\x{1F600}", "\\x{110000}", "\\x", "\\u0041", "\\n", "\\-", "\\_",
    "é", "[a-z]", "[z-a]", "[\\d-z]", "[a-\\d]", "[]a]", "[a&&b]", "[a[b]]", "\\p{ l_u }", "a{0}", "(a{100}){2}",
];

#[rustfmt::skip]
pub(crate) const TEMPLATES: &[&str] = &[
    "a", ".com", "{", "}", "{a}", "{b:[a-z]+}", ":", "[a-z]", "{2}", "(", ")", "*", "\\.", "é", "-", "{c:x{2,3}}",
    "{d:(}",
];

#[rustfmt::skip]
pub(crate) const SCRAPS: &[&str] = &[
    "Host", "(", ")", "`", "\"", "'", "`a`", "\"a\"", ",", "&&", "||", "!", "&", "|", " ", "\n", "\t", "\r", ";",
    "/*", "*/", "//", "/*\n*/", "...", "..", "{", "}", "[", "]", "\\", "\0", "\u{feff}", "\u{a0}", "é", "1", "0x",
    "+", "-", "==", "!=", "<-", "func", "nil", "Host(`a`)", "Path(`/x`)", "HostSNI(`*`)", "HostSNI(`a`)", "\"\\x41\"",
    "\"\\q\"", "\"\\u00e9\"", "\"\\xff\"", "\"\\400\"", "//line :1\n", "/*line :0*/", "/*line a:1:2*/",
    "/*line :9223372036854775808*/", "type", "^", "&^", ".", "‘", "_",
];

#[rustfmt::skip]
pub(crate) const CLASSES: &[&str] = &[
    "a", "z", "-", "-", "a-z", "z-a", "]", "[", "^", "\\d", "\\W", "\\pL", "\\p{Lu}", "\\P{nope}", "[:alpha:]", "[:^space:]", "[:nope:]", "[:",
    "\\]", "\\-", "\\\\", "\\b", "\\x41", "\\x{e9}", "\\101", "é", "é-ü", "\\n-\\r", "&&", "\\z", "\\Q",
];

#[rustfmt::skip]
pub(crate) const ESCAPES: &[&str] = &[
    "\\a", "\\b", "\\f", "\\n", "\\r", "\\t", "\\v", "\\\\", "\\\"", "\\'", "\\`", "\\q", "\\0", "\\012", "\\377", "\\400", "\\8", "\\x4", "\\x41",
    "\\xff", "\\xc3\\xa9", "\\u00e9", "\\ud800", "\\u12", "\\U0001F600", "\\U00110000", "\\", "a", "é", "'", "`", "\t", "\r",
];
