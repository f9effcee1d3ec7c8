//! All that Traefik reads of labels as one tree, with what its Docker provider reads beside the configuration.

use traefik_model::{Access, Configuration, Field, Role, Shape, Source, Struct as _, StructShape, http, tcp, tls, udp};

const fn section(name: &'static str, shape: &'static StructShape) -> Field {
    let shape = Shape::Struct(shape);
    Field { name, go_type: "", shape, role: None, label: Access::Open, file: Access::Open, servers: false }
}

const fn value(name: &'static str, go_type: &'static str) -> Field {
    let shape = Shape::Scalar(go_type);
    Field { name, go_type, shape, role: None, label: Access::Open, file: Access::Open, servers: false }
}

/// What every label of Traefik's begins with.
pub(crate) static ROOT: StructShape = StructShape { go_type: "", fields: &[section("traefik", &TRAEFIK)] };

static TRAEFIK: StructShape = StructShape {
    go_type: "",
    fields: &[
        section("http", http::Http::STRUCT),
        section("tcp", tcp::Tcp::STRUCT),
        section("udp", udp::Udp::STRUCT),
        section("tls", tls::Tls::STRUCT),
        value("enable", "bool"),
        section("docker", &DOCKER),
    ],
};

static DOCKER: StructShape = StructShape {
    go_type: "",
    fields: &[value("network", "string"), value("lbswarm", "bool"), value("allownonrunning", "bool")],
};

/// The names that labels can write in a struct.
pub(crate) fn open_names(shape: &StructShape) -> Vec<&'static str> {
    let open = shape.fields.iter().filter(|field| field.label != Access::Hidden);
    open.map(|field| field.name_in(Source::Labels)).collect()
}

/// Whether the value below a key must not be shown: it is a secret, or stands where secrets stand.
pub(crate) fn is_secret(key: &str) -> bool {
    let mut segments = key.split('.').skip(1);
    let mut shape = Shape::Struct(Configuration::STRUCT);
    loop {
        let Some(segment) = segments.next() else { return holds_secrets(shape) };
        let segment = segment.split('[').next().unwrap_or_default();
        match shape {
            Shape::Struct(fields) | Shape::Structs(fields) => {
                if holds_secrets(shape) {
                    let known = fields.find(segment, Source::Labels).and_then(|at| fields.fields.get(at));
                    return known.is_none_or(|field| field.role == Some(Role::Secret));
                }
                let Some(field) = fields.find(segment, Source::Labels).and_then(|at| fields.fields.get(at)) else {
                    return looks_secret(key);
                };
                shape = field.shape;
            }
            Shape::Map(&Shape::Struct(fields)) => shape = Shape::Struct(fields),
            Shape::Map(_) | Shape::Plugins => return looks_secret(key),
            Shape::Scalar(_) | Shape::List(_) => return false,
        }
    }
}

/// Whether some field of a section is a secret.
fn holds_secrets(shape: Shape) -> bool {
    match shape {
        Shape::Struct(fields) => fields.fields.iter().any(|field| field.role == Some(Role::Secret)),
        _ => false,
    }
}

/// Where the schema does not reach: a word in the key that speaks of secrets, be it misspelt around.
fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["auth", "user", "passw", "secret", "token", "redis", "digest"].iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_known_also_when_misspelt() {
        for key in [
            "basicauth.users",
            "BasicAuth.Users",
            "digestauth.userz",
            "ratelimit.redis.password",
            "basicaut.users",
            "basicauth",
        ] {
            assert!(is_secret(&format!("traefik.http.middlewares.m.{key}")), "{key}");
        }
        for key in ["basicauth.realm", "headers.stsseconds", "chain.middlewares"] {
            assert!(!is_secret(&format!("traefik.http.middlewares.m.{key}")), "{key}");
        }
    }
}
