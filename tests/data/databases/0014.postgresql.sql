SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.artifacts (
    sha256 character varying(64) NOT NULL,
    size_bytes bigint NOT NULL,
    model text NOT NULL,
    scheme text NOT NULL,
    batch integer NOT NULL,
    preprocess json NOT NULL,
    recipe json NOT NULL,
    checks json NOT NULL,
    golden json
);
CREATE TABLE public.attempts (
    id character varying(64) NOT NULL,
    run character varying(64) NOT NULL,
    case_id integer NOT NULL,
    number integer NOT NULL,
    artifact character varying(64) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    wall_ns bigint NOT NULL,
    error text,
    load_ns bigint,
    first_ns bigint,
    peak_rss_bytes bigint,
    readings json NOT NULL,
    requested json,
    effective json,
    versions json,
    golden_max_difference double precision,
    golden_mean_difference double precision,
    import_ns bigint,
    context_ns bigint,
    span_ns bigint,
    feed_ns bigint,
    read_ns bigint,
    clock_ns bigint,
    loop_ns bigint,
    invocations_per_sample integer DEFAULT 1 NOT NULL,
    unloadable boolean DEFAULT false NOT NULL,
    p10_ns double precision,
    p50_ns double precision,
    count integer DEFAULT 0 NOT NULL,
    pre_ns bigint,
    preparations_ns json
);
CREATE TABLE public.calibrations (
    id integer NOT NULL,
    device text NOT NULL,
    at timestamp with time zone NOT NULL,
    run character varying(64) NOT NULL,
    case_name text NOT NULL,
    effort text NOT NULL,
    attempts integer NOT NULL,
    group_size integer NOT NULL,
    noise_floor double precision NOT NULL,
    observed double precision NOT NULL,
    p50_ns double precision NOT NULL,
    loop_ns bigint,
    clock_ns bigint,
    governor text,
    hardware_key text,
    seed bigint NOT NULL
);
CREATE SEQUENCE public.calibrations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.calibrations_id_seq OWNED BY public.calibrations.id;
CREATE TABLE public.cases (
    id integer NOT NULL,
    device text NOT NULL,
    model text NOT NULL,
    scheme text NOT NULL,
    runtime text NOT NULL,
    threads integer NOT NULL,
    batch integer NOT NULL,
    interpreters integer NOT NULL
);
CREATE SEQUENCE public.cases_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.cases_id_seq OWNED BY public.cases.id;
CREATE TABLE public.device_facts (
    id integer NOT NULL,
    run character varying(64) NOT NULL,
    device character varying(64) NOT NULL,
    at timestamp with time zone NOT NULL,
    facts json NOT NULL
);
CREATE SEQUENCE public.device_facts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.device_facts_id_seq OWNED BY public.device_facts.id;
CREATE TABLE public.devices (
    name character varying(64) NOT NULL,
    entry json NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    facts json
);
CREATE TABLE public.events (
    id bigint NOT NULL,
    run character varying(64) NOT NULL,
    at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    device text,
    detail json NOT NULL
);
CREATE SEQUENCE public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_id_seq OWNED BY public.events.id;
CREATE TABLE public.image_lists (
    sha256 character varying(64) NOT NULL,
    dataset text NOT NULL,
    task text NOT NULL,
    images integer NOT NULL,
    patients integer NOT NULL,
    classes json NOT NULL,
    data bytea NOT NULL
);
CREATE TABLE public.lanes (
    id character varying(200) NOT NULL,
    run character varying(64) NOT NULL,
    device text NOT NULL,
    number integer NOT NULL,
    "offset" bigint NOT NULL,
    ended boolean NOT NULL,
    error text
);
CREATE TABLE public.metrics (
    run character varying(64) NOT NULL,
    case_id integer NOT NULL,
    name character varying(64) NOT NULL,
    value double precision NOT NULL
);
CREATE TABLE public.operators (
    profile character varying(64) NOT NULL,
    place integer NOT NULL,
    kind text NOT NULL,
    types text NOT NULL,
    delegate text,
    median_ns bigint NOT NULL,
    total_ns bigint NOT NULL
);
CREATE TABLE public.profiles (
    id character varying(64) NOT NULL,
    run character varying(64) NOT NULL,
    case_id integer NOT NULL,
    artifact character varying(64) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    error text,
    unsupported boolean NOT NULL,
    invocations integer NOT NULL,
    interrupted integer NOT NULL,
    total_ns bigint NOT NULL,
    quiet_ns bigint NOT NULL,
    versions json NOT NULL
);
CREATE TABLE public.run_cases (
    run character varying(64) NOT NULL,
    case_id integer NOT NULL,
    skipped text,
    judged_at timestamp with time zone,
    artifact character varying(64),
    attempts integer NOT NULL,
    samples integer NOT NULL,
    verdict text,
    reasons json NOT NULL,
    baseline_case_id integer,
    is_current boolean DEFAULT false NOT NULL
);
CREATE TABLE public.runs (
    id character varying(64) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    suite json NOT NULL,
    seed bigint NOT NULL,
    effort text NOT NULL,
    dataset text NOT NULL,
    synthetic boolean NOT NULL,
    farm_version text NOT NULL,
    exit_status integer,
    name character varying(64)
);
CREATE TABLE public.samples (
    attempt character varying(64) NOT NULL,
    kind character varying(16) NOT NULL,
    count integer NOT NULL,
    data bytea NOT NULL
);
CREATE TABLE public.scores (
    id character varying(64) NOT NULL,
    run character varying(64) NOT NULL,
    device text NOT NULL,
    model text NOT NULL,
    scheme text NOT NULL,
    runtime text NOT NULL,
    batch integer NOT NULL,
    artifact character varying(64) NOT NULL,
    pixels_sha256 text NOT NULL,
    labels_sha256 text NOT NULL,
    wall_ns bigint NOT NULL,
    error text,
    images integer NOT NULL,
    class_count integer NOT NULL,
    scores bytea NOT NULL,
    classes json NOT NULL,
    device_auc json NOT NULL,
    auc json NOT NULL,
    auc_error double precision,
    image_list character varying(64),
    scored_in text
);
CREATE VIEW public.v_accuracy AS
 SELECT s.id AS scoring,
    s.run,
    s.device,
    s.model,
    s.scheme,
    s.runtime,
    s.batch,
    s.artifact,
    s.images,
    s.error,
    e.finding,
        CASE json_typeof((s.auc -> ((e.place - 1))::integer))
            WHEN 'number'::text THEN ((s.auc ->> ((e.place - 1))::integer))::double precision
            ELSE NULL::double precision
        END AS auc,
        CASE json_typeof((s.device_auc -> ((e.place - 1))::integer))
            WHEN 'number'::text THEN ((s.device_auc ->> ((e.place - 1))::integer))::double precision
            ELSE NULL::double precision
        END AS device_auc,
    s.auc_error AS auc_mean_error
   FROM (public.scores s
     CROSS JOIN LATERAL json_array_elements_text(
        CASE json_typeof(s.classes)
            WHEN 'array'::text THEN s.classes
            ELSE '[]'::json
        END) WITH ORDINALITY e(finding, place));
CREATE VIEW public.v_attempts AS
 SELECT a.id AS attempt,
    a.run,
    (((((((((((c.device || '/'::text) || c.model) || '/'::text) || c.scheme) || '/'::text) || c.runtime) || '/t'::text) || c.threads) || '/b'::text) || c.batch) ||
        CASE
            WHEN (c.interpreters > 0) THEN ('/x'::text || c.interpreters)
            ELSE ''::text
        END) AS case_name,
    c.device,
    c.model,
    c.scheme,
    c.runtime,
    c.threads,
    c.batch,
    c.interpreters,
    a.number,
    a.artifact,
    a.started_at,
    a.ended_at,
    a.wall_ns,
    a.error,
    a.import_ns,
    a.context_ns,
    a.load_ns,
    a.first_ns,
    a.p10_ns,
    a.p50_ns,
    a.count,
    a.invocations_per_sample,
    a.span_ns,
    a.feed_ns,
    a.read_ns,
    a.pre_ns,
    a.clock_ns,
    a.loop_ns,
    a.peak_rss_bytes,
    a.golden_max_difference,
    ( SELECT string_agg(((e.key || ' '::text) || e.value), ', '::text ORDER BY (e.key COLLATE "C")) AS string_agg
           FROM json_each_text(
                CASE json_typeof(a.versions)
                    WHEN 'object'::text THEN a.versions
                    ELSE '{}'::json
                END) e(key, value)) AS versions
   FROM (public.attempts a
     JOIN public.cases c ON ((c.id = a.case_id)));
CREATE VIEW public.v_devices AS
 SELECT d.name AS device,
    d.last_seen_at,
        CASE json_typeof((d.facts -> 'machine'::text))
            WHEN 'string'::text THEN (d.facts ->> 'machine'::text)
            ELSE NULL::text
        END AS machine,
        CASE json_typeof((d.facts -> 'board'::text))
            WHEN 'string'::text THEN (d.facts ->> 'board'::text)
            ELSE NULL::text
        END AS board,
        CASE json_typeof((d.facts -> 'cpu_model'::text))
            WHEN 'string'::text THEN (d.facts ->> 'cpu_model'::text)
            ELSE NULL::text
        END AS cpu_model,
        CASE json_typeof((d.facts -> 'os'::text))
            WHEN 'string'::text THEN (d.facts ->> 'os'::text)
            ELSE NULL::text
        END AS os,
        CASE json_typeof((d.facts -> 'kernel'::text))
            WHEN 'string'::text THEN (d.facts ->> 'kernel'::text)
            ELSE NULL::text
        END AS kernel,
        CASE json_typeof((d.facts -> 'libc'::text))
            WHEN 'string'::text THEN (d.facts ->> 'libc'::text)
            ELSE NULL::text
        END AS libc,
        CASE json_typeof((d.facts -> 'python'::text))
            WHEN 'string'::text THEN (d.facts ->> 'python'::text)
            ELSE NULL::text
        END AS python,
        CASE json_typeof((d.facts -> 'governor'::text))
            WHEN 'string'::text THEN (d.facts ->> 'governor'::text)
            ELSE NULL::text
        END AS governor,
        CASE json_typeof((d.facts -> 'cores'::text))
            WHEN 'number'::text THEN ((d.facts ->> 'cores'::text))::double precision
            ELSE NULL::double precision
        END AS cores,
        CASE json_typeof((d.facts -> 'memory_bytes'::text))
            WHEN 'number'::text THEN ((d.facts ->> 'memory_bytes'::text))::double precision
            ELSE NULL::double precision
        END AS memory_bytes,
        CASE json_typeof((d.facts -> 'frequency_max_hz'::text))
            WHEN 'number'::text THEN ((d.facts ->> 'frequency_max_hz'::text))::double precision
            ELSE NULL::double precision
        END AS frequency_max_hz,
        CASE json_typeof((d.facts -> 'hardware_key'::text))
            WHEN 'string'::text THEN (d.facts ->> 'hardware_key'::text)
            ELSE NULL::text
        END AS hardware_key,
    k.noise_floor,
    k.at AS calibrated_at
   FROM (public.devices d
     LEFT JOIN public.calibrations k ON (((k.hardware_key =
        CASE json_typeof((d.facts -> 'hardware_key'::text))
            WHEN 'string'::text THEN (d.facts ->> 'hardware_key'::text)
            ELSE NULL::text
        END) AND (k.id = ( SELECT max(n.id) AS max
           FROM public.calibrations n
          WHERE (n.device = (d.name)::text))))));
CREATE VIEW public.v_figures AS
 SELECT rc.run,
    rc.is_current,
    (((((((((((c.device || '/'::text) || c.model) || '/'::text) || c.scheme) || '/'::text) || c.runtime) || '/t'::text) || c.threads) || '/b'::text) || c.batch) ||
        CASE
            WHEN (c.interpreters > 0) THEN ('/x'::text || c.interpreters)
            ELSE ''::text
        END) AS case_name,
    c.device,
    c.model,
    c.scheme,
    c.runtime,
    c.threads,
    c.batch,
    c.interpreters,
    rc.verdict,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p50_ns'::text))) AS p50_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p50_low_ns'::text))) AS p50_low_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p50_high_ns'::text))) AS p50_high_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p90_ns'::text))) AS p90_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p90_low_ns'::text))) AS p90_low_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p90_high_ns'::text))) AS p90_high_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p95_ns'::text))) AS p95_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p99_ns'::text))) AS p99_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p999_ns'::text))) AS p999_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_mean'::text))) AS auc_mean,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_low'::text))) AS auc_low,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_high'::text))) AS auc_high,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_change_low'::text))) AS auc_change_low,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_change_high'::text))) AS auc_change_high,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_findings'::text))) AS auc_findings,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_findings_left_out'::text))) AS auc_findings_left_out,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'invocations_per_sample'::text))) AS invocations_per_sample,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'outliers_low'::text))) AS outliers_low,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'outliers_mild'::text))) AS outliers_mild,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'outliers_severe'::text))) AS outliers_severe,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'images_per_s'::text))) AS images_per_s,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'images_per_s_low'::text))) AS images_per_s_low,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'images_per_s_high'::text))) AS images_per_s_high,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'energy_j'::text))) AS energy_j,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'energy_low_j'::text))) AS energy_low_j,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'energy_high_j'::text))) AS energy_high_j,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'energy_idle_j'::text))) AS energy_idle_j,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'load_ns'::text))) AS load_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'first_ns'::text))) AS first_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'import_ns'::text))) AS import_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'peak_rss_bytes'::text))) AS peak_rss_bytes,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'first_minute_ns'::text))) AS first_minute_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'last_minute_ns'::text))) AS last_minute_ns
   FROM ((public.run_cases rc
     JOIN public.cases c ON ((c.id = rc.case_id)))
     JOIN public.runs r ON (((r.id)::text = (rc.run)::text)))
  WHERE (rc.judged_at IS NOT NULL);
CREATE VIEW public.v_results AS
 SELECT rc.run,
    r.name AS run_name,
    rc.judged_at AS measured_at,
    rc.is_current,
    (((((((((((c.device || '/'::text) || c.model) || '/'::text) || c.scheme) || '/'::text) || c.runtime) || '/t'::text) || c.threads) || '/b'::text) || c.batch) ||
        CASE
            WHEN (c.interpreters > 0) THEN ('/x'::text || c.interpreters)
            ELSE ''::text
        END) AS case_name,
    c.device,
    c.model,
    c.scheme,
    c.runtime,
    c.threads,
    c.batch,
    c.interpreters,
    r.dataset,
    r.synthetic,
    r.effort,
    r.farm_version,
    rc.artifact,
    a.size_bytes,
    rc.attempts,
    rc.samples,
    rc.verdict,
    ( SELECT string_agg((e.value ->> 'code'::text), ', '::text) AS string_agg
           FROM json_array_elements(
                CASE json_typeof(rc.reasons)
                    WHEN 'array'::text THEN rc.reasons
                    ELSE '[]'::json
                END) e(value)) AS reason_codes,
    ( SELECT string_agg((e.value ->> 'message'::text), '; '::text) AS string_agg
           FROM json_array_elements(
                CASE json_typeof(rc.reasons)
                    WHEN 'array'::text THEN rc.reasons
                    ELSE '[]'::json
                END) e(value)) AS reasons,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p50_ns'::text))) AS p50_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p50_low_ns'::text))) AS p50_low_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p50_high_ns'::text))) AS p50_high_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p90_ns'::text))) AS p90_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p99_ns'::text))) AS p99_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'images_per_s'::text))) AS images_per_s,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_mean'::text))) AS auc_mean,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_low'::text))) AS auc_low,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_high'::text))) AS auc_high,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'load_ns'::text))) AS load_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'first_ns'::text))) AS first_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'import_ns'::text))) AS import_ns,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'peak_rss_bytes'::text))) AS peak_rss_bytes,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'energy_j'::text))) AS energy_j,
    ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'energy_idle_j'::text))) AS energy_idle_j,
    ((b.size_bytes)::double precision / (NULLIF(a.size_bytes, 0))::double precision) AS size_ratio,
    COALESCE((NULLIF(( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'images_per_s'::text))), (0)::double precision) / NULLIF(( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.baseline_case_id) AND ((m.name)::text = 'images_per_s'::text))), (0)::double precision)), (NULLIF(( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.baseline_case_id) AND ((m.name)::text = 'p50_ns'::text))), (0)::double precision) / NULLIF(( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'p50_ns'::text))), (0)::double precision))) AS speedup,
    (( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.case_id) AND ((m.name)::text = 'auc_mean'::text))) - ( SELECT m.value
           FROM public.metrics m
          WHERE (((m.run)::text = (rc.run)::text) AND (m.case_id = rc.baseline_case_id) AND ((m.name)::text = 'auc_mean'::text)))) AS auc_change
   FROM (((((public.run_cases rc
     JOIN public.cases c ON ((c.id = rc.case_id)))
     JOIN public.runs r ON (((r.id)::text = (rc.run)::text)))
     LEFT JOIN public.artifacts a ON (((a.sha256)::text = (rc.artifact)::text)))
     LEFT JOIN public.run_cases br ON ((((br.run)::text = (rc.run)::text) AND (br.case_id = rc.baseline_case_id))))
     LEFT JOIN public.artifacts b ON (((b.sha256)::text = (br.artifact)::text)))
  WHERE (rc.judged_at IS NOT NULL);
ALTER TABLE ONLY public.calibrations ALTER COLUMN id SET DEFAULT nextval('public.calibrations_id_seq'::regclass);
ALTER TABLE ONLY public.cases ALTER COLUMN id SET DEFAULT nextval('public.cases_id_seq'::regclass);
ALTER TABLE ONLY public.device_facts ALTER COLUMN id SET DEFAULT nextval('public.device_facts_id_seq'::regclass);
ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0014');
INSERT INTO public.artifacts VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1000, 'tiny-cxr', 'float32', 1, '{"height": 48, "width": 48, "channels": 1, "scale": 0.00392156862745098, "mean": [0.0], "std": [1.0]}', '{"scheme": "float32"}', '{"max_abs_difference": 0.0}', NULL);
INSERT INTO public.attempts VALUES ('attempt-1', 'run-1', 2, 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 2000000000, NULL, 5000000, 2000000, 50000000, '[]', '{"threads": 1, "delegate": null}', '{"threads": 1, "delegate": "xnnpack", "nodes": 10, "delegated_nodes": 10, "warmed_up": true}', '{"python": "3.11.7", "numpy": "2.4.6", "ai-edge-litert": "2.3.0"}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, false, 1000000, 1000000, 128, NULL, '[]');
INSERT INTO public.cases VALUES (1, 'local', 'tiny-cxr', 'float32', 'tflite', 1, 1, 0);
INSERT INTO public.cases VALUES (2, 'local', 'tiny-cxr', 'float32', 'litert', 1, 1, 0);
INSERT INTO public.device_facts VALUES (1, 'run-1', 'local', '2026-01-01 00:00:00+00', '{"cores": 4}');
INSERT INTO public.devices VALUES ('local', '{"name": "local", "transport": "local", "tags": [], "groups": [], "python": "python3", "runtimes": [], "limits": {"start_below_c": null, "settle_margin_c": 5.0, "settle_at_most_s": 300.0, "disk_bytes": null, "memory_bytes": null, "attempt_timeout_s": null, "push_bytes_per_s": null}}', '2026-01-01 00:00:00+00', '{"cores": 4}');
INSERT INTO public.events VALUES (1, 'run-1', '2026-01-01 00:00:00+00', 'RunStarted', NULL, '{"seed": 7, "effort": "smoke", "dataset": "phantom", "synthetic": true, "farm_version": "0.1.0"}');
INSERT INTO public.events VALUES (2, 'run-1', '2026-01-01 00:00:00+00', 'RunResumed', NULL, '{}');
INSERT INTO public.events VALUES (3, 'run-1', '2026-01-01 00:00:00+00', 'DatasetRead', NULL, '{"limit": null, "name": "mine", "synthetic": false, "parts": [{"part": "evaluation", "images": 80, "by_class": {"WELL": 40, "SICK": 40}}], "patients": 9, "pattern": null, "unmatched": 0, "left_out": {".dcm": 3}, "sampled": 0, "modes": [], "pixel_range": [0, 255]}');
INSERT INTO public.events VALUES (4, 'run-1', '2026-01-01 00:00:00+00', 'PreparationStarted', 'local', '{"what": "looking for the agent", "size_bytes": 0}');
INSERT INTO public.events VALUES (5, 'run-1', '2026-01-01 00:00:00+00', 'DeviceProbed', 'local', '{"entry": "local"}');
INSERT INTO public.events VALUES (6, 'run-1', '2026-01-01 00:00:00+00', 'LaneSkipped', 'local', '{"reason": "it is off"}');
INSERT INTO public.events VALUES (7, 'run-1', '2026-01-01 00:00:00+00', 'LaneCrashed', 'local', '{"reason": "local: unexpected KeyError: ''x''", "report": "crashes/report.txt"}');
INSERT INTO public.events VALUES (8, 'run-1', '2026-01-01 00:00:00+00', 'CaseSkipped', 'local', '{"case": "local/tiny-cxr/float32/tflite/t1/b1", "reason": "no such runtime"}');
INSERT INTO public.events VALUES (9, 'run-1', '2026-01-01 00:00:00+00', 'Planned', NULL, '{"cases": 1, "skips": 0, "steps": {"local": 1}}');
INSERT INTO public.events VALUES (10, 'run-1', '2026-01-01 00:00:00+00', 'BuildStarted', NULL, '{"total": 1}');
INSERT INTO public.events VALUES (11, 'run-1', '2026-11-28 01:52:44.109965+00', 'ArtifactReady', NULL, '{"reused": false, "seconds": 1.5, "artifact": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size_bytes": 1000, "model": "tiny-cxr", "scheme": "float32", "batch": 1, "preprocess": {"height": 48, "width": 48, "channels": 1, "scale": 0.00392156862745098, "mean": [0.0], "std": [1.0]}, "recipe": {"scheme": "float32"}, "checks": {"max_abs_difference": 0.0}, "golden": null}');
INSERT INTO public.events VALUES (12, 'run-1', '2026-01-01 00:00:00+00', 'ImagesListed', NULL, '{"image_list": "8ecacfe6a899ed6fc7d319552433416011d7fcf7fd8f57422618e8f1960e9d5b", "dataset": "phantom", "images": 2}');
INSERT INTO public.events VALUES (13, 'run-1', '2026-01-01 00:00:00+00', 'BuildFailed', NULL, '{"model": "tiny-cxr", "scheme": "float32", "batch": 1, "error": "it can''t"}');
INSERT INTO public.events VALUES (14, 'run-1', '2026-01-01 00:00:00+00', 'DamageMended', 'local', '{"what": "artifact"}');
INSERT INTO public.events VALUES (15, 'run-1', '2026-01-01 00:00:00+00', 'PushStarted', 'local', '{"total_bytes": 5000000000, "image_bytes": 10, "later_bytes": 0}');
INSERT INTO public.events VALUES (16, 'run-1', '2026-01-01 00:00:00+00', 'BlobSent', 'local', '{"what": "artifact", "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size_bytes": 5000000000, "sent_bytes": 10}');
INSERT INTO public.events VALUES (17, 'run-1', '2026-11-28 01:52:44.110047+00', 'LaneStarted', 'local', '{"lane": "lane-1", "steps": 0, "at_most_s": 0}');
INSERT INTO public.events VALUES (18, 'run-1', '2026-01-01 00:00:00+00', 'DeviceTuned', 'local', '{"answer": {"set": [{"what": "governor of policy0", "before": "a", "now": "b"}]}}');
INSERT INTO public.events VALUES (19, 'run-1', '2026-01-01 00:00:00+00', 'AttemptStarted', 'local', '{"attempt": "attempt-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "number": 1}');
INSERT INTO public.events VALUES (20, 'run-1', '2026-11-28 01:52:44.110301+00', 'AttemptEnded', 'local', '{"attempt": "attempt-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "error": null}');
INSERT INTO public.events VALUES (21, 'run-1', '2026-01-01 00:00:00+00', 'ScoringStarted', 'local', '{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "runtime": "litert"}');
INSERT INTO public.events VALUES (22, 'run-1', '2026-01-01 00:00:00+00', 'ShardScored', 'local', '{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "runtime": "litert", "place": 0, "shards": 2, "images": 4}');
INSERT INTO public.events VALUES (23, 'run-1', '2026-01-01 00:00:00+00', 'ScoringPaused', 'local', '{"scoring": "scoring-1", "absent": [1], "shards": 2}');
INSERT INTO public.events VALUES (24, 'run-1', '2026-01-01 00:00:00+00', 'Scored', 'local', '{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "error": null}');
INSERT INTO public.events VALUES (25, 'run-1', '2026-01-01 00:00:00+00', 'ProfileStarted', 'local', '{"case": "local/tiny-cxr/float32/litert/t1/b1", "profile": "profile-1"}');
INSERT INTO public.events VALUES (26, 'run-1', '2026-01-01 00:00:00+00', 'Profiled', 'local', '{"profile": "profile-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "error": null}');
INSERT INTO public.events VALUES (27, 'run-1', '2026-01-01 00:00:00+00', 'LinkLost', 'local', '{"reason": "the cable", "wait_s": 0.0, "failures": 0, "most": 0}');
INSERT INTO public.events VALUES (28, 'run-1', '2026-01-01 00:00:00+00', 'DeviceTakenOut', 'local', '{"reason": "no worker starts"}');
INSERT INTO public.events VALUES (29, 'run-1', '2026-01-01 00:00:00+00', 'RunDetached', NULL, '{"devices": ["local"], "exit_status": 0}');
INSERT INTO public.events VALUES (30, 'run-1', '2026-01-01 00:00:00+00', 'DatabaseLost', NULL, '{"reason": "its server stopped", "file": ".farm/spool/run-1.jsonl"}');
INSERT INTO public.events VALUES (31, 'run-1', '2026-01-01 00:00:00+00', 'DatabaseBack', NULL, '{"events": 3}');
INSERT INTO public.events VALUES (32, 'run-1', '2026-01-01 00:00:00+00', 'LaneEnded', 'local', '{"lane": "lane-1", "error": null}');
INSERT INTO public.events VALUES (33, 'run-1', '2026-01-01 00:00:00+00', 'DeviceFinished', 'local', '{}');
INSERT INTO public.events VALUES (34, 'run-1', '2026-01-01 00:00:00+00', 'CaseJudged', 'local', '{"case": "local/tiny-cxr/float32/litert/t1/b1", "verdict": "WARN", "reasons": ["smoke"]}');
INSERT INTO public.events VALUES (35, 'run-1', '2026-01-01 00:00:00+00', 'CaseJudgedAgain', 'local', '{"case": "local/tiny-cxr/float32/litert/t1/b1", "verdict": "VALID", "reasons": []}');
INSERT INTO public.events VALUES (36, 'run-1', '2026-01-01 00:00:00+00', 'RunEnded', NULL, '{"exit_status": 0}');
INSERT INTO public.image_lists VALUES ('8ecacfe6a899ed6fc7d319552433416011d7fcf7fd8f57422618e8f1960e9d5b', 'phantom', 'multi-label', 2, 2, '["Nodule"]', '\x789c25cb410ec2300c04c0bfec39207aed23f8409583a1568970ec4876e180f83b49b9ad66773f5829c83930a33d48c32a12ba3c3bd45da29c846e2c1def42eeec98175c6ddd85911394ea9f4cf9dc741be7b71da9b78da2b0c6185cd234c0bc44791d9765caf9fb03d4a82ac0');
INSERT INTO public.lanes VALUES ('lane-1', 'run-1', 'local', 1, 0, true, NULL);
INSERT INTO public.metrics VALUES ('run-1', 2, 'p50_ns', 1000000);
INSERT INTO public.metrics VALUES ('run-1', 2, 'p90_ns', 2000000);
INSERT INTO public.metrics VALUES ('run-1', 2, 'auc_mean', 0.9);
INSERT INTO public.operators VALUES ('profile-1', 0, 'Fully Connected (NC, F32) GEMM', 'F32', 'xnnpack', 60000, 600000);
INSERT INTO public.operators VALUES ('profile-1', 1, 'DEPTHWISE_CONV_2D', 'float32, int8 -> float32', NULL, 30000, 300000);
INSERT INTO public.profiles VALUES ('profile-1', 'run-1', 2, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', NULL, false, 10, 0, 1000000, 95000, '{"python": "3.11.7", "ai-edge-litert": "2.3.0"}');
INSERT INTO public.run_cases VALUES ('run-1', 1, 'no such runtime', NULL, NULL, 0, 0, NULL, '[]', NULL, false);
INSERT INTO public.run_cases VALUES ('run-1', 2, NULL, '2026-01-01 00:00:00+00', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 128, 'VALID', '[]', 2, true);
INSERT INTO public.runs VALUES ('run-1', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '{"models": ["tiny-cxr"]}', 7, 'smoke', 'phantom', true, '0.1.0', 0, 'release-1');
INSERT INTO public.samples VALUES ('attempt-1', 'warmup', 2, '\xe0c81000000000009005100000000000');
INSERT INTO public.samples VALUES ('attempt-1', 'latency', 128, '\x40420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f0000000000');
INSERT INTO public.scores VALUES ('scoring-1', 'run-1', 'local', 'tiny-cxr', 'float32', 'litert', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 1000000000, NULL, 2, 1, '\x0000003f0000403f', '["Nodule"]', '[1.0]', '[1.0]', 0.01, NULL, NULL);
SELECT pg_catalog.setval('public.calibrations_id_seq', 1, false);
SELECT pg_catalog.setval('public.cases_id_seq', 2, true);
SELECT pg_catalog.setval('public.device_facts_id_seq', 1, true);
SELECT pg_catalog.setval('public.events_id_seq', 36, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT artifacts_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.calibrations
    ADD CONSTRAINT calibrations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.cases
    ADD CONSTRAINT cases_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.device_facts
    ADD CONSTRAINT device_facts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.image_lists
    ADD CONSTRAINT image_lists_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY public.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_pkey PRIMARY KEY (run, case_id, name);
ALTER TABLE ONLY public.cases
    ADD CONSTRAINT one_case UNIQUE (device, model, scheme, runtime, threads, batch, interpreters);
ALTER TABLE ONLY public.operators
    ADD CONSTRAINT operators_pkey PRIMARY KEY (profile, place);
ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.run_cases
    ADD CONSTRAINT run_cases_pkey PRIMARY KEY (run, case_id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.samples
    ADD CONSTRAINT samples_pkey PRIMARY KEY (attempt, kind);
ALTER TABLE ONLY public.scores
    ADD CONSTRAINT scores_pkey PRIMARY KEY (id);
CREATE INDEX attempts_of_a_case ON public.attempts USING btree (run, case_id);
CREATE UNIQUE INDEX current_results ON public.run_cases USING btree (case_id) WHERE is_current;
CREATE INDEX ix_calibrations_device ON public.calibrations USING btree (device);
CREATE INDEX ix_cases_device ON public.cases USING btree (device);
CREATE INDEX ix_device_facts_run ON public.device_facts USING btree (run);
CREATE INDEX ix_events_run ON public.events USING btree (run);
CREATE INDEX ix_lanes_run ON public.lanes USING btree (run);
CREATE INDEX ix_profiles_case_id ON public.profiles USING btree (case_id);
CREATE INDEX ix_profiles_run ON public.profiles USING btree (run);
CREATE INDEX ix_run_cases_case_id ON public.run_cases USING btree (case_id);
CREATE INDEX ix_run_cases_judged_at ON public.run_cases USING btree (judged_at);
CREATE UNIQUE INDEX ix_runs_name ON public.runs USING btree (name);
CREATE INDEX ix_runs_started_at ON public.runs USING btree (started_at);
CREATE INDEX scores_of_a_case ON public.scores USING btree (run, device, model, scheme, runtime, batch);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_artifact_fkey FOREIGN KEY (artifact) REFERENCES public.artifacts(sha256);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_case_id_fkey FOREIGN KEY (case_id) REFERENCES public.cases(id);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
ALTER TABLE ONLY public.calibrations
    ADD CONSTRAINT calibrations_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
ALTER TABLE ONLY public.device_facts
    ADD CONSTRAINT device_facts_device_fkey FOREIGN KEY (device) REFERENCES public.devices(name);
ALTER TABLE ONLY public.device_facts
    ADD CONSTRAINT device_facts_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
ALTER TABLE ONLY public.lanes
    ADD CONSTRAINT lanes_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_case_id_fkey FOREIGN KEY (case_id) REFERENCES public.cases(id);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
ALTER TABLE ONLY public.operators
    ADD CONSTRAINT operators_profile_fkey FOREIGN KEY (profile) REFERENCES public.profiles(id);
ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_artifact_fkey FOREIGN KEY (artifact) REFERENCES public.artifacts(sha256);
ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_case_id_fkey FOREIGN KEY (case_id) REFERENCES public.cases(id);
ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
ALTER TABLE ONLY public.run_cases
    ADD CONSTRAINT run_cases_artifact_fkey FOREIGN KEY (artifact) REFERENCES public.artifacts(sha256);
ALTER TABLE ONLY public.run_cases
    ADD CONSTRAINT run_cases_case_id_fkey FOREIGN KEY (case_id) REFERENCES public.cases(id);
ALTER TABLE ONLY public.run_cases
    ADD CONSTRAINT run_cases_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
ALTER TABLE ONLY public.samples
    ADD CONSTRAINT samples_attempt_fkey FOREIGN KEY (attempt) REFERENCES public.attempts(id);
ALTER TABLE ONLY public.scores
    ADD CONSTRAINT scores_artifact_fkey FOREIGN KEY (artifact) REFERENCES public.artifacts(sha256);
ALTER TABLE ONLY public.scores
    ADD CONSTRAINT scores_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
