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
    golden_mean_difference double precision
);
CREATE TABLE public.cases (
    id integer NOT NULL,
    device text NOT NULL,
    model text NOT NULL,
    scheme text NOT NULL,
    runtime text NOT NULL,
    threads integer NOT NULL,
    batch integer NOT NULL
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
CREATE TABLE public.run_cases (
    run character varying(64) NOT NULL,
    case_id integer NOT NULL,
    skipped text,
    judged_at timestamp with time zone,
    artifact character varying(64),
    attempts integer NOT NULL,
    samples integer NOT NULL,
    verdict text,
    reasons json NOT NULL
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
    exit_status integer
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
    auc json NOT NULL
);
ALTER TABLE ONLY public.cases ALTER COLUMN id SET DEFAULT nextval('public.cases_id_seq'::regclass);
ALTER TABLE ONLY public.device_facts ALTER COLUMN id SET DEFAULT nextval('public.device_facts_id_seq'::regclass);
ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0003');
INSERT INTO public.artifacts VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1000, 'tiny-cxr', 'float32', 1, '{"height": 48, "width": 48, "channels": 1, "scale": 0.00392156862745098, "mean": [0.0], "std": [1.0]}', '{"scheme": "float32"}', '{"max_abs_difference": 0.0}', NULL);
INSERT INTO public.attempts VALUES ('attempt-1', 'run-1', 2, 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 2000000000, NULL, 5000000, 2000000, 50000000, '[]', '{"threads": 1, "delegate": null}', '{"threads": 1, "delegate": "xnnpack", "nodes": 10, "delegated_nodes": 10, "warmed_up": true}', '{"python": "3.11.7", "numpy": "2.4.6", "ai-edge-litert": "2.3.0"}', NULL, NULL);
INSERT INTO public.cases VALUES (1, 'local', 'tiny-cxr', 'float32', 'tflite', 1, 1);
INSERT INTO public.cases VALUES (2, 'local', 'tiny-cxr', 'float32', 'litert', 1, 1);
INSERT INTO public.device_facts VALUES (1, 'run-1', 'local', '2026-01-01 00:00:00+00', '{"cores": 4}');
INSERT INTO public.devices VALUES ('local', '{"name": "local", "transport": "local", "address": null, "user": null, "port": null, "identity_file": null, "via": null, "tags": [], "groups": [], "python": "python3", "workdir": ".farm-agent", "runtimes": [], "limits": {"start_below_c": null, "disk_bytes": null, "memory_bytes": null, "attempt_timeout_s": null}, "notes": ""}', '2026-01-01 00:00:00+00', '{"cores": 4}');
INSERT INTO public.events VALUES (1, 'run-1', '2026-01-01 00:00:00+00', 'RunStarted', NULL, '{"seed": 7, "effort": "smoke", "dataset": "phantom", "synthetic": true, "farm_version": "0.1.0"}');
INSERT INTO public.events VALUES (2, 'run-1', '2026-01-01 00:00:00+00', 'RunResumed', NULL, '{}');
INSERT INTO public.events VALUES (3, 'run-1', '2026-01-01 00:00:00+00', 'DeviceProbed', 'local', '{"entry": "local"}');
INSERT INTO public.events VALUES (4, 'run-1', '2026-01-01 00:00:00+00', 'LaneSkipped', 'local', '{"reason": "it is off"}');
INSERT INTO public.events VALUES (5, 'run-1', '2026-01-01 00:00:00+00', 'CaseSkipped', 'local', '{"case": "local/tiny-cxr/float32/tflite/t1/b1", "reason": "no such runtime"}');
INSERT INTO public.events VALUES (6, 'run-1', '2026-01-01 00:00:00+00', 'Planned', NULL, '{"cases": 1, "skips": 0}');
INSERT INTO public.events VALUES (7, 'run-1', '2026-01-01 00:00:00+00', 'BuildStarted', NULL, '{"total": 1}');
INSERT INTO public.events VALUES (8, 'run-1', '2026-11-27 13:33:57.017903+00', 'ArtifactReady', NULL, '{"reused": false, "seconds": 1.5, "artifact": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "model": "tiny-cxr", "scheme": "float32", "batch": 1}');
INSERT INTO public.events VALUES (9, 'run-1', '2026-01-01 00:00:00+00', 'BuildFailed', NULL, '{"model": "tiny-cxr", "scheme": "float32", "batch": 1, "error": "it can''t"}');
INSERT INTO public.events VALUES (10, 'run-1', '2026-01-01 00:00:00+00', 'BlobSent', 'local', '{"what": "artifact", "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size_bytes": 5000000000, "sent_bytes": 10}');
INSERT INTO public.events VALUES (11, 'run-1', '2026-11-27 13:33:57.017922+00', 'LaneStarted', 'local', '{"lane": "lane-1"}');
INSERT INTO public.events VALUES (12, 'run-1', '2026-01-01 00:00:00+00', 'AttemptStarted', 'local', '{"attempt": "attempt-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "number": 1}');
INSERT INTO public.events VALUES (13, 'run-1', '2026-11-27 13:33:57.017954+00', 'AttemptEnded', 'local', '{"attempt": "attempt-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "error": null}');
INSERT INTO public.events VALUES (14, 'run-1', '2026-01-01 00:00:00+00', 'ScoringStarted', 'local', '{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "runtime": "litert"}');
INSERT INTO public.events VALUES (15, 'run-1', '2026-01-01 00:00:00+00', 'Scored', 'local', '{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "error": null}');
INSERT INTO public.events VALUES (16, 'run-1', '2026-01-01 00:00:00+00', 'LinkLost', 'local', '{"reason": "the cable"}');
INSERT INTO public.events VALUES (17, 'run-1', '2026-01-01 00:00:00+00', 'LaneEnded', 'local', '{"lane": "lane-1", "error": null}');
INSERT INTO public.events VALUES (18, 'run-1', '2026-01-01 00:00:00+00', 'CaseJudged', 'local', '{"case": "local/tiny-cxr/float32/litert/t1/b1", "verdict": "WARN", "reasons": ["smoke"]}');
INSERT INTO public.events VALUES (19, 'run-1', '2026-01-01 00:00:00+00', 'RunEnded', NULL, '{"exit_status": 0}');
INSERT INTO public.lanes VALUES ('lane-1', 'run-1', 'local', 1, 0, true, NULL);
INSERT INTO public.metrics VALUES ('run-1', 2, 'p50_ns', 1000000);
INSERT INTO public.metrics VALUES ('run-1', 2, 'p90_ns', 2000000);
INSERT INTO public.metrics VALUES ('run-1', 2, 'auc_mean', 0.9);
INSERT INTO public.run_cases VALUES ('run-1', 1, 'no such runtime', NULL, NULL, 0, 0, NULL, '[]');
INSERT INTO public.run_cases VALUES ('run-1', 2, NULL, '2026-01-01 00:00:00+00', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 128, 'WARN', '[{"verdict": "WARN", "code": "smoke", "message": "wiring only", "advice": "measure longer"}]');
INSERT INTO public.runs VALUES ('run-1', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '{"models": ["tiny-cxr"]}', 7, 'smoke', 'phantom', true, '0.1.0', 0);
INSERT INTO public.samples VALUES ('attempt-1', 'warmup', 2, '\xe0c81000000000009005100000000000');
INSERT INTO public.samples VALUES ('attempt-1', 'latency', 128, '\x40420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f000000000040420f0000000000');
INSERT INTO public.scores VALUES ('scoring-1', 'run-1', 'local', 'tiny-cxr', 'float32', 'litert', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 1000000000, NULL, 2, 1, '\x0000003f0000403f', '["Nodule"]', '[1.0]', '[1.0]');
SELECT pg_catalog.setval('public.cases_id_seq', 2, true);
SELECT pg_catalog.setval('public.device_facts_id_seq', 1, true);
SELECT pg_catalog.setval('public.events_id_seq', 19, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT artifacts_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.cases
    ADD CONSTRAINT cases_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.device_facts
    ADD CONSTRAINT device_facts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_pkey PRIMARY KEY (run, case_id, name);
ALTER TABLE ONLY public.cases
    ADD CONSTRAINT one_case UNIQUE (device, model, scheme, runtime, threads, batch);
ALTER TABLE ONLY public.run_cases
    ADD CONSTRAINT run_cases_pkey PRIMARY KEY (run, case_id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.samples
    ADD CONSTRAINT samples_pkey PRIMARY KEY (attempt, kind);
ALTER TABLE ONLY public.scores
    ADD CONSTRAINT scores_pkey PRIMARY KEY (id);
CREATE INDEX attempts_of_a_case ON public.attempts USING btree (run, case_id);
CREATE INDEX ix_cases_device ON public.cases USING btree (device);
CREATE INDEX ix_device_facts_run ON public.device_facts USING btree (run);
CREATE INDEX ix_events_run ON public.events USING btree (run);
CREATE INDEX ix_lanes_run ON public.lanes USING btree (run);
CREATE INDEX ix_run_cases_case_id ON public.run_cases USING btree (case_id);
CREATE INDEX ix_run_cases_judged_at ON public.run_cases USING btree (judged_at);
CREATE INDEX ix_runs_started_at ON public.runs USING btree (started_at);
CREATE INDEX ix_scores_run ON public.scores USING btree (run);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_artifact_fkey FOREIGN KEY (artifact) REFERENCES public.artifacts(sha256);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_case_id_fkey FOREIGN KEY (case_id) REFERENCES public.cases(id);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_run_fkey FOREIGN KEY (run) REFERENCES public.runs(id);
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
