//! Fields that no label and no document can set (Traefik marks them `-`), but whose names its decoder knows:
//! a label that names one is silently ignored, one that names something else below it is an error.

use crate::shape::{Access, Field, Shape, StructShape};

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, go_type: "", shape, role: None, label: Access::Open, file: Access::Open, servers: false }
}

/// A field that is hidden again in its struct.
const fn hidden(name: &'static str, shape: Shape) -> Field {
    Field { label: Access::Hidden, file: Access::Hidden, ..field(name, shape) }
}

pub(crate) const ROUTER_DENIED_ENCODED_PATH_CHARACTERS: StructShape = StructShape {
    go_type: "dynamic.RouterDeniedEncodedPathCharacters",
    fields: &[
        field("allowEncodedSlash", Shape::Scalar("bool")),
        field("allowEncodedBackSlash", Shape::Scalar("bool")),
        field("allowEncodedNullCharacter", Shape::Scalar("bool")),
        field("allowEncodedSemicolon", Shape::Scalar("bool")),
        field("allowEncodedPercent", Shape::Scalar("bool")),
        field("allowEncodedQuestionMark", Shape::Scalar("bool")),
        field("allowEncodedHash", Shape::Scalar("bool")),
    ],
};

pub(crate) const OBSERVABILITY_METADATA: StructShape = StructShape {
    go_type: "dynamic.ObservabilityMetadata",
    fields: &[hidden("ingress", Shape::Struct(&KUBERNETES_INGRESS_METADATA))],
};

pub(crate) const KUBERNETES_INGRESS_METADATA: StructShape = StructShape {
    go_type: "dynamic.KubernetesIngressMetadata",
    fields: &[
        field("namespace", Shape::Scalar("string")),
        field("ingressName", Shape::Scalar("string")),
        field("serviceName", Shape::Scalar("string")),
        field("servicePort", Shape::Scalar("string")),
    ],
};

pub(crate) const GRPCSTATUS: StructShape = StructShape {
    go_type: "dynamic.GRPCStatus",
    fields: &[field("code", Shape::Scalar("codes.Code")), field("msg", Shape::Scalar("string"))],
};

pub(crate) const HEADER_MODIFIER: StructShape = StructShape {
    go_type: "dynamic.HeaderModifier",
    fields: &[
        field("set", Shape::Map(&Shape::Scalar("string"))),
        field("add", Shape::Map(&Shape::Scalar("string"))),
        field("remove", Shape::List("[]string")),
    ],
};

pub(crate) const REQUEST_REDIRECT: StructShape = StructShape {
    go_type: "dynamic.RequestRedirect",
    fields: &[
        field("scheme", Shape::Scalar("*string")),
        field("hostname", Shape::Scalar("*string")),
        field("port", Shape::Scalar("*string")),
        field("path", Shape::Scalar("*string")),
        field("pathPrefix", Shape::Scalar("*string")),
        field("statusCode", Shape::Scalar("int")),
    ],
};

pub(crate) const URLREWRITE: StructShape = StructShape {
    go_type: "dynamic.URLRewrite",
    fields: &[
        field("hostname", Shape::Scalar("*string")),
        field("path", Shape::Scalar("*string")),
        field("pathPrefix", Shape::Scalar("*string")),
    ],
};

pub(crate) const AUTH_TLSPASS_CERTIFICATE_TO_UPSTREAM: StructShape = StructShape {
    go_type: "dynamic.AuthTLSPassCertificateToUpstream",
    fields: &[field("clientAuthType", Shape::Scalar("string")), field("caFiles", Shape::List("[]types.FileOrContent"))],
};

pub(crate) const SNIPPET: StructShape = StructShape {
    go_type: "dynamic.Snippet",
    fields: &[
        field("serverSnippet", Shape::Scalar("string")),
        field("configurationSnippet", Shape::Scalar("string")),
        field("auth", Shape::Struct(&AUTH)),
    ],
};

pub(crate) const AUTH: StructShape = StructShape {
    go_type: "dynamic.Auth",
    fields: &[
        field("address", Shape::Scalar("string")),
        field("method", Shape::Scalar("string")),
        field("snippet", Shape::Scalar("string")),
        field("authResponseHeaders", Shape::List("[]string")),
        field("authSigninURL", Shape::Scalar("string")),
    ],
};

pub(crate) const REWRITE_TARGET: StructShape = StructShape {
    go_type: "dynamic.RewriteTarget",
    fields: &[
        field("regex", Shape::Scalar("string")),
        field("replacement", Shape::Scalar("string")),
        field("xForwardedPrefix", Shape::Scalar("string")),
    ],
};

pub(crate) const UPSTREAM_VHOST: StructShape = StructShape {
    go_type: "dynamic.UpstreamVHost",
    fields: &[field("vHost", Shape::Scalar("string")), field("vars", Shape::Map(&Shape::Scalar("string")))],
};

pub(crate) const APP_ROOT: StructShape =
    StructShape { go_type: "dynamic.AppRoot", fields: &[field("path", Shape::Scalar("string"))] };

pub(crate) const TCPMODEL: StructShape =
    StructShape { go_type: "dynamic.TCPModel", fields: &[hidden("defaultRuleSyntax", Shape::Scalar("string"))] };
