//! HTTP middlewares.

use std::collections::BTreeMap;

use crate::{
    Duration, Plugins, Shape, hidden,
    macros::schema,
    role::{Address, HostFile, MiddlewareRef, PublicUrl, Secret, ServiceRef},
    tls,
};

schema! {
    /// An HTTP middleware: exactly one of its kinds is set.
    Middleware = "dynamic.Middleware" {
        add_prefix: Option<Box<AddPrefix>> = "addPrefix" as "*dynamic.AddPrefix",
        strip_prefix: Option<Box<StripPrefix>> = "stripPrefix" as "*dynamic.StripPrefix",
        strip_prefix_regex: Option<Box<StripPrefixRegex>> = "stripPrefixRegex" as "*dynamic.StripPrefixRegex",
        replace_path: Option<Box<ReplacePath>> = "replacePath" as "*dynamic.ReplacePath",
        replace_path_regex: Option<Box<ReplacePathRegex>> = "replacePathRegex" as "*dynamic.ReplacePathRegex",
        chain: Option<Box<Chain>> = "chain" as "*dynamic.Chain",
        ip_white_list: Option<Box<IpWhiteList>> = "ipWhiteList" as "*dynamic.IPWhiteList",
        ip_allow_list: Option<Box<IpAllowList>> = "ipAllowList" as "*dynamic.IPAllowList",
        headers: Option<Box<Headers>> = "headers" as "*dynamic.Headers",
        encoded_characters: Option<Box<EncodedCharacters>> = "encodedCharacters" as "*dynamic.EncodedCharacters",
        errors: Option<Box<Errors>> = "errors" as "*dynamic.ErrorPage",
        rate_limit: Option<Box<RateLimit>> = "rateLimit" as "*dynamic.RateLimit",
        redirect_regex: Option<Box<RedirectRegex>> = "redirectRegex" as "*dynamic.RedirectRegex",
        redirect_scheme: Option<Box<RedirectScheme>> = "redirectScheme" as "*dynamic.RedirectScheme",
        basic_auth: Option<Box<BasicAuth>> = "basicAuth" as "*dynamic.BasicAuth",
        digest_auth: Option<Box<DigestAuth>> = "digestAuth" as "*dynamic.DigestAuth",
        forward_auth: Option<Box<ForwardAuth>> = "forwardAuth" as "*dynamic.ForwardAuth",
        in_flight_req: Option<Box<InFlightReq>> = "inFlightReq" as "*dynamic.InFlightReq",
        buffering: Option<Box<Buffering>> = "buffering" as "*dynamic.Buffering",
        circuit_breaker: Option<Box<CircuitBreaker>> = "circuitBreaker" as "*dynamic.CircuitBreaker",
        compress: Option<Box<Compress>> = "compress" as "*dynamic.Compress" [allow_empty],
        pass_tls_client_cert: Option<Box<PassTlsClientCert>> = "passTLSClientCert" as "*dynamic.PassTLSClientCert",
        retry: Option<Box<Retry>> = "retry" as "*dynamic.Retry",
        content_type: Option<Box<ContentType>> = "contentType" as "*dynamic.ContentType" [allow_empty],
        grpc_web: Option<Box<GrpcWeb>> = "grpcWeb" as "*dynamic.GrpcWeb",
        plugin: Plugins = "plugin" as "map[string]dynamic.PluginConf",
    }
    hidden {
        "requestHeaderModifier": Shape::Struct(&hidden::HEADER_MODIFIER),
        "responseHeaderModifier": Shape::Struct(&hidden::HEADER_MODIFIER),
        "requestRedirect": Shape::Struct(&hidden::REQUEST_REDIRECT),
        "urlRewrite": Shape::Struct(&hidden::URLREWRITE),
        "authTLSPassCertificateToUpstream": Shape::Struct(&hidden::AUTH_TLSPASS_CERTIFICATE_TO_UPSTREAM),
        "snippet": Shape::Struct(&hidden::SNIPPET),
        "rewriteTarget": Shape::Struct(&hidden::REWRITE_TARGET),
        "upstreamVHost": Shape::Struct(&hidden::UPSTREAM_VHOST),
        "appRoot": Shape::Struct(&hidden::APP_ROOT),
    }
}

schema! {
    /// Adds a path prefix.
    AddPrefix = "dynamic.AddPrefix" {
        prefix: String = "prefix" as "string",
    }
}

schema! {
    /// Removes path prefixes.
    StripPrefix = "dynamic.StripPrefix" {
        prefixes: Vec<String> = "prefixes" as "[]string",
        force_slash: Option<bool> = "forceSlash" as "*bool",
    }
}

schema! {
    /// Removes path prefixes by regular expression.
    StripPrefixRegex = "dynamic.StripPrefixRegex" {
        regex: Vec<String> = "regex" as "[]string",
    }
}

schema! {
    /// Replaces the path.
    ReplacePath = "dynamic.ReplacePath" {
        path: String = "path" as "string",
    }
}

schema! {
    /// Replaces the path by regular expression.
    ReplacePathRegex = "dynamic.ReplacePathRegex" {
        regex: String = "regex" as "string",
        replacement: String = "replacement" as "string",
    }
}

schema! {
    /// Several middlewares under one name.
    Chain = "dynamic.Chain" {
        middlewares: Vec<MiddlewareRef> = "middlewares" as "[]string",
    }
}

schema! {
    /// The former name of [`IpAllowList`].
    IpWhiteList = "dynamic.IPWhiteList" {
        source_range: Vec<String> = "sourceRange" as "[]string",
        ip_strategy: Option<Box<IpStrategy>> = "ipStrategy" as "*dynamic.IPStrategy" [allow_empty],
    }
}

schema! {
    /// Only these client addresses.
    IpAllowList = "dynamic.IPAllowList" {
        source_range: Vec<String> = "sourceRange" as "[]string",
        ip_strategy: Option<Box<IpStrategy>> = "ipStrategy" as "*dynamic.IPStrategy" [allow_empty],
        reject_status_code: i64 = "rejectStatusCode" as "int" [allow_empty],
    }
}

schema! {
    /// How the client address is found.
    IpStrategy = "dynamic.IPStrategy" {
        depth: i64 = "depth" as "int",
        excluded_i_ps: Vec<String> = "excludedIPs" as "[]string",
        ipv6_subnet: Option<i64> = "ipv6Subnet" as "*int",
    }
}

schema! {
    /// Request and response headers.
    Headers = "dynamic.Headers" {
        custom_request_headers: BTreeMap<String, String> = "customRequestHeaders" as "map[string]string",
        custom_response_headers: BTreeMap<String, String> = "customResponseHeaders" as "map[string]string",
        access_control_allow_credentials: bool = "accessControlAllowCredentials" as "bool",
        access_control_allow_headers: Vec<String> = "accessControlAllowHeaders" as "[]string",
        access_control_allow_methods: Vec<String> = "accessControlAllowMethods" as "[]string",
        access_control_allow_origin_list: Vec<String> = "accessControlAllowOriginList" as "[]string",
        access_control_allow_origin_list_regex: Vec<String> = "accessControlAllowOriginListRegex" as "[]string",
        access_control_expose_headers: Vec<String> = "accessControlExposeHeaders" as "[]string",
        access_control_max_age: Option<i64> = "accessControlMaxAge" as "*int64",
        add_vary_header: bool = "addVaryHeader" as "bool",
        allowed_hosts: Vec<String> = "allowedHosts" as "[]string",
        hosts_proxy_headers: Vec<String> = "hostsProxyHeaders" as "[]string",
        ssl_proxy_headers: BTreeMap<String, String> = "sslProxyHeaders" as "map[string]string",
        sts_seconds: Option<i64> = "stsSeconds" as "*int64",
        sts_include_subdomains: bool = "stsIncludeSubdomains" as "bool",
        sts_preload: bool = "stsPreload" as "bool",
        force_sts_header: bool = "forceSTSHeader" as "bool",
        frame_deny: bool = "frameDeny" as "bool",
        custom_frame_options_value: String = "customFrameOptionsValue" as "string",
        content_type_nosniff: bool = "contentTypeNosniff" as "bool",
        browser_xss_filter: bool = "browserXssFilter" as "bool",
        custom_browser_xss_value: String = "customBrowserXSSValue" as "string",
        content_security_policy: String = "contentSecurityPolicy" as "string",
        content_security_policy_report_only: String = "contentSecurityPolicyReportOnly" as "string",
        public_key: String = "publicKey" as "string",
        referrer_policy: String = "referrerPolicy" as "string",
        permissions_policy: String = "permissionsPolicy" as "string",
        is_development: bool = "isDevelopment" as "bool",
        feature_policy: Option<String> = "featurePolicy" as "*string",
        ssl_redirect: Option<bool> = "sslRedirect" as "*bool",
        ssl_temporary_redirect: Option<bool> = "sslTemporaryRedirect" as "*bool",
        ssl_host: Option<String> = "sslHost" as "*string",
        ssl_force_host: Option<bool> = "sslForceHost" as "*bool",
    }
}

schema! {
    /// Which encoded characters a path may have.
    EncodedCharacters = "dynamic.EncodedCharacters" {
        allow_encoded_slash: bool = "allowEncodedSlash" as "bool",
        allow_encoded_back_slash: bool = "allowEncodedBackSlash" as "bool",
        allow_encoded_null_character: bool = "allowEncodedNullCharacter" as "bool",
        allow_encoded_semicolon: bool = "allowEncodedSemicolon" as "bool",
        allow_encoded_percent: bool = "allowEncodedPercent" as "bool",
        allow_encoded_question_mark: bool = "allowEncodedQuestionMark" as "bool",
        allow_encoded_hash: bool = "allowEncodedHash" as "bool",
    }
}

schema! {
    /// Error pages from a service.
    Errors = "dynamic.ErrorPage" {
        status: Vec<String> = "status" as "[]string",
        status_rewrites: BTreeMap<String, i64> = "statusRewrites" as "map[string]int",
        service: ServiceRef = "service" as "string",
        query: String = "query" as "string",
        error_request_headers: Vec<String> = "errorRequestHeaders" as "[]string",
    }
    hidden {
        "nginxHeaders": Shape::Scalar("*http.Header"),
    }
}

schema! {
    /// Limits the rate of requests.
    RateLimit = "dynamic.RateLimit" {
        average: i64 = "average" as "int64",
        period: Duration = "period" as "types.Duration",
        burst: i64 = "burst" as "int64",
        source_criterion: Option<Box<SourceCriterion>> = "sourceCriterion" as "*dynamic.SourceCriterion",
        redis: Option<Box<Redis>> = "redis" as "*dynamic.Redis",
    }
    defaults {
        period: Duration::from_millis(1000),
        burst: 1,
    }
}

schema! {
    /// What counts as one source.
    SourceCriterion = "dynamic.SourceCriterion" {
        ip_strategy: Option<Box<IpStrategy>> = "ipStrategy" as "*dynamic.IPStrategy",
        request_header_name: String = "requestHeaderName" as "string",
        request_host: bool = "requestHost" as "bool",
    }
}

schema! {
    /// Where rate limits are shared.
    Redis = "dynamic.Redis" {
        endpoints: Vec<Address> = "endpoints" as "[]string",
        tls: Option<Box<tls::ClientTls>> = "tls" as "*types.ClientTLS",
        username: Secret = "username" as "string",
        password: Secret = "password" as "string",
        db: i64 = "db" as "int",
        pool_size: i64 = "poolSize" as "int",
        min_idle_conns: i64 = "minIdleConns" as "int",
        max_active_conns: i64 = "maxActiveConns" as "int",
        read_timeout: Option<Duration> = "readTimeout" as "*types.Duration",
        write_timeout: Option<Duration> = "writeTimeout" as "*types.Duration",
        dial_timeout: Option<Duration> = "dialTimeout" as "*types.Duration",
    }
    defaults {
        endpoints: vec!["localhost:6379".into()],
        read_timeout: Some(Duration::from_millis(3000)),
        write_timeout: Some(Duration::from_millis(3000)),
        dial_timeout: Some(Duration::from_millis(5000)),
    }
}

schema! {
    /// Redirects by regular expression.
    RedirectRegex = "dynamic.RedirectRegex" {
        regex: String = "regex" as "string",
        replacement: PublicUrl = "replacement" as "string",
        permanent: bool = "permanent" as "bool",
    }
    hidden {
        "statusCode": Shape::Scalar("*int"),
    }
}

schema! {
    /// Redirects to another scheme or port.
    RedirectScheme = "dynamic.RedirectScheme" {
        scheme: String = "scheme" as "string",
        port: String = "port" as "string",
        permanent: bool = "permanent" as "bool",
    }
    hidden {
        "forcePermanentRedirect": Shape::Scalar("bool"),
    }
}

schema! {
    /// HTTP basic authentication.
    BasicAuth = "dynamic.BasicAuth" {
        users: Vec<Secret> = "users" as "dynamic.Users",
        users_file: HostFile = "usersFile" as "string",
        realm: String = "realm" as "string",
        remove_header: bool = "removeHeader" as "bool",
        header_field: String = "headerField" as "string",
    }
}

schema! {
    /// HTTP digest authentication.
    DigestAuth = "dynamic.DigestAuth" {
        users: Vec<Secret> = "users" as "dynamic.Users",
        users_file: HostFile = "usersFile" as "string",
        remove_header: bool = "removeHeader" as "bool",
        realm: String = "realm" as "string",
        header_field: String = "headerField" as "string",
    }
}

schema! {
    /// Authentication by another server.
    ForwardAuth = "dynamic.ForwardAuth" {
        address: Address = "address" as "string",
        tls: Option<Box<ForwardAuthTls>> = "tls" as "*dynamic.ClientTLS",
        trust_forward_header: Option<bool> = "trustForwardHeader" as "*bool",
        auth_response_headers: Vec<String> = "authResponseHeaders" as "[]string",
        auth_response_headers_regex: String = "authResponseHeadersRegex" as "string",
        auth_request_headers: Vec<String> = "authRequestHeaders" as "[]string",
        max_response_body_size: Option<i64> = "maxResponseBodySize" as "*int64",
        add_auth_cookies_to_response: Vec<String> = "addAuthCookiesToResponse" as "[]string",
        header_field: String = "headerField" as "string",
        forward_body: bool = "forwardBody" as "bool",
        max_body_size: Option<i64> = "maxBodySize" as "*int64",
        preserve_location_header: bool = "preserveLocationHeader" as "bool",
        preserve_request_method: bool = "preserveRequestMethod" as "bool",
        auth_signin_url: PublicUrl = "authSigninURL" as "string",
    }
    defaults {
        max_body_size: Some(-1),
    }
}

schema! {
    /// TLS towards the authentication server.
    ForwardAuthTls = "dynamic.ClientTLS" {
        ca: HostFile = "ca" as "string",
        cert: HostFile = "cert" as "string",
        key: HostFile = "key" as "string",
        insecure_skip_verify: bool = "insecureSkipVerify" as "bool",
        ca_optional: Option<bool> = "caOptional" as "*bool",
    }
}

schema! {
    /// Limits simultaneous requests.
    InFlightReq = "dynamic.InFlightReq" {
        amount: i64 = "amount" as "int64",
        source_criterion: Option<Box<SourceCriterion>> = "sourceCriterion" as "*dynamic.SourceCriterion",
    }
}

schema! {
    /// Reads whole bodies before forwarding, and limits them.
    Buffering = "dynamic.Buffering" {
        max_request_body_bytes: i64 = "maxRequestBodyBytes" as "int64",
        mem_request_body_bytes: i64 = "memRequestBodyBytes" as "int64",
        max_response_body_bytes: i64 = "maxResponseBodyBytes" as "int64",
        mem_response_body_bytes: i64 = "memResponseBodyBytes" as "int64",
        retry_expression: String = "retryExpression" as "string",
    }
    hidden {
        "disableRequestBuffer": Shape::Scalar("bool"),
        "disableResponseBuffer": Shape::Scalar("bool"),
    }
}

schema! {
    /// Stops calling services that fail.
    CircuitBreaker = "dynamic.CircuitBreaker" {
        expression: String = "expression" as "string",
        check_period: Duration = "checkPeriod" as "types.Duration",
        fallback_duration: Duration = "fallbackDuration" as "types.Duration",
        recovery_duration: Duration = "recoveryDuration" as "types.Duration",
        response_code: i64 = "responseCode" as "int",
    }
    defaults {
        check_period: Duration::from_millis(100),
        fallback_duration: Duration::from_millis(10000),
        recovery_duration: Duration::from_millis(10000),
        response_code: 503,
    }
}

schema! {
    /// Compresses answers.
    Compress = "dynamic.Compress" {
        excluded_content_types: Vec<String> = "excludedContentTypes" as "[]string",
        included_content_types: Vec<String> = "includedContentTypes" as "[]string",
        min_response_body_bytes: i64 = "minResponseBodyBytes" as "int",
        encodings: Vec<String> = "encodings" as "[]string",
        default_encoding: String = "defaultEncoding" as "string",
    }
    defaults {
        encodings: vec!["gzip".into(), "br".into(), "zstd".into()],
    }
}

schema! {
    /// Passes the client certificate on in headers.
    PassTlsClientCert = "dynamic.PassTLSClientCert" {
        pem: bool = "pem" as "bool",
        info: Option<Box<ClientCertInfo>> = "info" as "*dynamic.TLSClientCertificateInfo",
    }
}

schema! {
    /// Which details of the client certificate are passed on.
    ClientCertInfo = "dynamic.TLSClientCertificateInfo" {
        not_after: bool = "notAfter" as "bool",
        not_before: bool = "notBefore" as "bool",
        sans: bool = "sans" as "bool",
        serial_number: bool = "serialNumber" as "bool",
        subject: Option<Box<SubjectInfo>> = "subject" as "*dynamic.TLSClientCertificateSubjectDNInfo",
        issuer: Option<Box<IssuerInfo>> = "issuer" as "*dynamic.TLSClientCertificateIssuerDNInfo",
    }
}

schema! {
    /// Which parts of the subject are passed on.
    SubjectInfo = "dynamic.TLSClientCertificateSubjectDNInfo" {
        country: bool = "country" as "bool",
        province: bool = "province" as "bool",
        locality: bool = "locality" as "bool",
        organization: bool = "organization" as "bool",
        organizational_unit: bool = "organizationalUnit" as "bool",
        common_name: bool = "commonName" as "bool",
        serial_number: bool = "serialNumber" as "bool",
        domain_component: bool = "domainComponent" as "bool",
    }
}

schema! {
    /// Which parts of the issuer are passed on.
    IssuerInfo = "dynamic.TLSClientCertificateIssuerDNInfo" {
        country: bool = "country" as "bool",
        province: bool = "province" as "bool",
        locality: bool = "locality" as "bool",
        organization: bool = "organization" as "bool",
        common_name: bool = "commonName" as "bool",
        serial_number: bool = "serialNumber" as "bool",
        domain_component: bool = "domainComponent" as "bool",
    }
}

schema! {
    /// Tries again.
    Retry = "dynamic.Retry" {
        attempts: i64 = "attempts" as "int",
        timeout: Duration = "timeout" as "types.Duration",
        initial_interval: Duration = "initialInterval" as "types.Duration",
        max_request_body_bytes: Option<i64> = "maxRequestBodyBytes" as "*int64",
        status: Vec<String> = "status" as "[]string",
        disable_retry_on_network_error: bool = "disableRetryOnNetworkError" as "bool",
        retry_non_idempotent_method: bool = "retryNonIdempotentMethod" as "bool",
    }
    defaults {
        max_request_body_bytes: Some(2097152),
    }
}

schema! {
    /// Content type detection.
    ContentType = "dynamic.ContentType" {
        auto_detect: Option<bool> = "autoDetect" as "*bool",
    }
}

schema! {
    /// Translates gRPC-Web.
    GrpcWeb = "dynamic.GrpcWeb" {
        allow_origins: Vec<String> = "allowOrigins" as "[]string",
    }
}
