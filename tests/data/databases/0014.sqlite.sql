BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0014');
CREATE TABLE artifacts (
	sha256 VARCHAR(64) NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	model TEXT NOT NULL, 
	scheme TEXT NOT NULL, 
	batch INTEGER NOT NULL, 
	preprocess JSON NOT NULL, 
	recipe JSON NOT NULL, 
	checks JSON NOT NULL, golden JSON, 
	PRIMARY KEY (sha256)
);
INSERT INTO "artifacts" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1000,'tiny-cxr','float32',1,'{"height": 48, "width": 48, "channels": 1, "scale": 0.00392156862745098, "mean": [0.0], "std": [1.0]}','{"scheme": "float32"}','{"max_abs_difference": 0.0}',NULL);
CREATE TABLE attempts (
	id VARCHAR(64) NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	case_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	artifact VARCHAR(64) NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME NOT NULL, 
	wall_ns BIGINT NOT NULL, 
	error TEXT, 
	load_ns BIGINT, 
	first_ns BIGINT, 
	peak_rss_bytes BIGINT, 
	readings JSON NOT NULL, 
	requested JSON, 
	effective JSON, 
	versions JSON, golden_max_difference DOUBLE, golden_mean_difference DOUBLE, import_ns BIGINT, context_ns BIGINT, span_ns BIGINT, feed_ns BIGINT, read_ns BIGINT, clock_ns BIGINT, loop_ns BIGINT, invocations_per_sample INTEGER DEFAULT 1 NOT NULL, unloadable BOOLEAN DEFAULT 0 NOT NULL, p10_ns DOUBLE, p50_ns DOUBLE, count INTEGER DEFAULT 0 NOT NULL, pre_ns BIGINT, preparations_ns JSON, 
	PRIMARY KEY (id), 
	FOREIGN KEY(artifact) REFERENCES artifacts (sha256), 
	FOREIGN KEY(case_id) REFERENCES cases (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "attempts" VALUES('attempt-1','run-1',2,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','2026-01-01 00:00:00.000000','2026-01-01 00:00:00.000000',2000000000,NULL,5000000,2000000,50000000,'[]','{"threads": 1, "delegate": null}','{"threads": 1, "delegate": "xnnpack", "nodes": 10, "delegated_nodes": 10, "warmed_up": true}','{"python": "3.11.7", "numpy": "2.4.6", "ai-edge-litert": "2.3.0"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,0,1000000.0,1000000.0,128,NULL,'[]');
CREATE TABLE calibrations (
	id INTEGER NOT NULL, 
	device TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	case_name TEXT NOT NULL, 
	effort TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	group_size INTEGER NOT NULL, 
	noise_floor DOUBLE NOT NULL, 
	observed DOUBLE NOT NULL, 
	p50_ns DOUBLE NOT NULL, 
	loop_ns BIGINT, 
	clock_ns BIGINT, 
	governor TEXT, 
	hardware_key TEXT, 
	seed BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
CREATE TABLE cases (
	id INTEGER NOT NULL, 
	device TEXT NOT NULL, 
	model TEXT NOT NULL, 
	scheme TEXT NOT NULL, 
	runtime TEXT NOT NULL, 
	threads INTEGER NOT NULL, 
	batch INTEGER NOT NULL, 
	interpreters INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_case UNIQUE (device, model, scheme, runtime, threads, batch, interpreters)
);
INSERT INTO "cases" VALUES(1,'local','tiny-cxr','float32','tflite',1,1,0);
INSERT INTO "cases" VALUES(2,'local','tiny-cxr','float32','litert',1,1,0);
CREATE TABLE device_facts (
	id INTEGER NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	device VARCHAR(64) NOT NULL, 
	at DATETIME NOT NULL, 
	facts JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(device) REFERENCES devices (name), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "device_facts" VALUES(1,'run-1','local','2026-01-01 00:00:00.000000','{"cores": 4}');
CREATE TABLE devices (
	name VARCHAR(64) NOT NULL, 
	entry JSON NOT NULL, 
	last_seen_at DATETIME NOT NULL, facts JSON, 
	PRIMARY KEY (name)
);
INSERT INTO "devices" VALUES('local','{"name": "local", "transport": "local", "tags": [], "groups": [], "python": "python3", "runtimes": [], "limits": {"start_below_c": null, "settle_margin_c": 5.0, "settle_at_most_s": 300.0, "disk_bytes": null, "memory_bytes": null, "attempt_timeout_s": null, "push_bytes_per_s": null}}','2026-01-01 00:00:00.000000','{"cores": 4}');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	at DATETIME NOT NULL, 
	kind TEXT NOT NULL, 
	device TEXT, 
	detail JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "events" VALUES(1,'run-1','2026-01-01 00:00:00.000000','RunStarted',NULL,'{"seed": 7, "effort": "smoke", "dataset": "phantom", "synthetic": true, "farm_version": "0.1.0"}');
INSERT INTO "events" VALUES(2,'run-1','2026-01-01 00:00:00.000000','RunResumed',NULL,'{}');
INSERT INTO "events" VALUES(3,'run-1','2026-01-01 00:00:00.000000','DatasetRead',NULL,'{"limit": null, "name": "mine", "synthetic": false, "parts": [{"part": "evaluation", "images": 80, "by_class": {"WELL": 40, "SICK": 40}}], "patients": 9, "pattern": null, "unmatched": 0, "left_out": {".dcm": 3}, "sampled": 0, "modes": [], "pixel_range": [0, 255]}');
INSERT INTO "events" VALUES(4,'run-1','2026-01-01 00:00:00.000000','PreparationStarted','local','{"what": "looking for the agent", "size_bytes": 0}');
INSERT INTO "events" VALUES(5,'run-1','2026-01-01 00:00:00.000000','DeviceProbed','local','{"entry": "local"}');
INSERT INTO "events" VALUES(6,'run-1','2026-01-01 00:00:00.000000','LaneSkipped','local','{"reason": "it is off"}');
INSERT INTO "events" VALUES(7,'run-1','2026-01-01 00:00:00.000000','LaneCrashed','local','{"reason": "local: unexpected KeyError: ''x''", "report": "crashes/report.txt"}');
INSERT INTO "events" VALUES(8,'run-1','2026-01-01 00:00:00.000000','CaseSkipped','local','{"case": "local/tiny-cxr/float32/tflite/t1/b1", "reason": "no such runtime"}');
INSERT INTO "events" VALUES(9,'run-1','2026-01-01 00:00:00.000000','Planned',NULL,'{"cases": 1, "skips": 0, "steps": {"local": 1}}');
INSERT INTO "events" VALUES(10,'run-1','2026-01-01 00:00:00.000000','BuildStarted',NULL,'{"total": 1}');
INSERT INTO "events" VALUES(11,'run-1','2026-11-28 01:52:42.695528','ArtifactReady',NULL,'{"reused": false, "seconds": 1.5, "artifact": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size_bytes": 1000, "model": "tiny-cxr", "scheme": "float32", "batch": 1, "preprocess": {"height": 48, "width": 48, "channels": 1, "scale": 0.00392156862745098, "mean": [0.0], "std": [1.0]}, "recipe": {"scheme": "float32"}, "checks": {"max_abs_difference": 0.0}, "golden": null}');
INSERT INTO "events" VALUES(12,'run-1','2026-01-01 00:00:00.000000','ImagesListed',NULL,'{"image_list": "8ecacfe6a899ed6fc7d319552433416011d7fcf7fd8f57422618e8f1960e9d5b", "dataset": "phantom", "images": 2}');
INSERT INTO "events" VALUES(13,'run-1','2026-01-01 00:00:00.000000','BuildFailed',NULL,'{"model": "tiny-cxr", "scheme": "float32", "batch": 1, "error": "it can''t"}');
INSERT INTO "events" VALUES(14,'run-1','2026-01-01 00:00:00.000000','DamageMended','local','{"what": "artifact"}');
INSERT INTO "events" VALUES(15,'run-1','2026-01-01 00:00:00.000000','PushStarted','local','{"total_bytes": 5000000000, "image_bytes": 10, "later_bytes": 0}');
INSERT INTO "events" VALUES(16,'run-1','2026-01-01 00:00:00.000000','BlobSent','local','{"what": "artifact", "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size_bytes": 5000000000, "sent_bytes": 10}');
INSERT INTO "events" VALUES(17,'run-1','2026-11-28 01:52:42.695702','LaneStarted','local','{"lane": "lane-1", "steps": 0, "at_most_s": 0}');
INSERT INTO "events" VALUES(18,'run-1','2026-01-01 00:00:00.000000','DeviceTuned','local','{"answer": {"set": [{"what": "governor of policy0", "before": "a", "now": "b"}]}}');
INSERT INTO "events" VALUES(19,'run-1','2026-01-01 00:00:00.000000','AttemptStarted','local','{"attempt": "attempt-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "number": 1}');
INSERT INTO "events" VALUES(20,'run-1','2026-11-28 01:52:42.703467','AttemptEnded','local','{"attempt": "attempt-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "error": null}');
INSERT INTO "events" VALUES(21,'run-1','2026-01-01 00:00:00.000000','ScoringStarted','local','{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "runtime": "litert"}');
INSERT INTO "events" VALUES(22,'run-1','2026-01-01 00:00:00.000000','ShardScored','local','{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "runtime": "litert", "place": 0, "shards": 2, "images": 4}');
INSERT INTO "events" VALUES(23,'run-1','2026-01-01 00:00:00.000000','ScoringPaused','local','{"scoring": "scoring-1", "absent": [1], "shards": 2}');
INSERT INTO "events" VALUES(24,'run-1','2026-01-01 00:00:00.000000','Scored','local','{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "error": null}');
INSERT INTO "events" VALUES(25,'run-1','2026-01-01 00:00:00.000000','ProfileStarted','local','{"case": "local/tiny-cxr/float32/litert/t1/b1", "profile": "profile-1"}');
INSERT INTO "events" VALUES(26,'run-1','2026-01-01 00:00:00.000000','Profiled','local','{"profile": "profile-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "error": null}');
INSERT INTO "events" VALUES(27,'run-1','2026-01-01 00:00:00.000000','LinkLost','local','{"reason": "the cable", "wait_s": 0.0, "failures": 0, "most": 0}');
INSERT INTO "events" VALUES(28,'run-1','2026-01-01 00:00:00.000000','DeviceTakenOut','local','{"reason": "no worker starts"}');
INSERT INTO "events" VALUES(29,'run-1','2026-01-01 00:00:00.000000','RunDetached',NULL,'{"devices": ["local"], "exit_status": 0}');
INSERT INTO "events" VALUES(30,'run-1','2026-01-01 00:00:00.000000','DatabaseLost',NULL,'{"reason": "its server stopped", "file": ".farm/spool/run-1.jsonl"}');
INSERT INTO "events" VALUES(31,'run-1','2026-01-01 00:00:00.000000','DatabaseBack',NULL,'{"events": 3}');
INSERT INTO "events" VALUES(32,'run-1','2026-01-01 00:00:00.000000','LaneEnded','local','{"lane": "lane-1", "error": null}');
INSERT INTO "events" VALUES(33,'run-1','2026-01-01 00:00:00.000000','DeviceFinished','local','{}');
INSERT INTO "events" VALUES(34,'run-1','2026-01-01 00:00:00.000000','CaseJudged','local','{"case": "local/tiny-cxr/float32/litert/t1/b1", "verdict": "WARN", "reasons": ["smoke"]}');
INSERT INTO "events" VALUES(35,'run-1','2026-01-01 00:00:00.000000','CaseJudgedAgain','local','{"case": "local/tiny-cxr/float32/litert/t1/b1", "verdict": "VALID", "reasons": []}');
INSERT INTO "events" VALUES(36,'run-1','2026-01-01 00:00:00.000000','RunEnded',NULL,'{"exit_status": 0}');
CREATE TABLE image_lists (
	sha256 VARCHAR(64) NOT NULL, 
	dataset TEXT NOT NULL, 
	task TEXT NOT NULL, 
	images INTEGER NOT NULL, 
	patients INTEGER NOT NULL, 
	classes JSON NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (sha256)
);
INSERT INTO "image_lists" VALUES('8ecacfe6a899ed6fc7d319552433416011d7fcf7fd8f57422618e8f1960e9d5b','phantom','multi-label',2,2,'["Nodule"]',X'789C25CB410EC2300C04C0BFEC39207AED23F8409583A1568970EC4876E180F83B49B9AD66773F5829C83930A33D48C32A12BA3C3BD45DA29C846E2C1DEF42EEEC98175C6DDD85911394EA9F4CF9DC741BE7B71DA9B78DA2B0C6185CD234C0BC44791D9765CAF9FB03D4A82AC0');
CREATE TABLE lanes (
	id VARCHAR(200) NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	device TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	"offset" BIGINT NOT NULL, 
	ended BOOLEAN NOT NULL, 
	error TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "lanes" VALUES('lane-1','run-1','local',1,0,1,NULL);
CREATE TABLE metrics (
	run VARCHAR(64) NOT NULL, 
	case_id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	value DOUBLE NOT NULL, 
	PRIMARY KEY (run, case_id, name), 
	FOREIGN KEY(case_id) REFERENCES cases (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "metrics" VALUES('run-1',2,'p50_ns',1000000.0);
INSERT INTO "metrics" VALUES('run-1',2,'p90_ns',2000000.0);
INSERT INTO "metrics" VALUES('run-1',2,'auc_mean',0.9);
CREATE TABLE operators (
	profile VARCHAR(64) NOT NULL, 
	place INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	types TEXT NOT NULL, 
	delegate TEXT, 
	median_ns BIGINT NOT NULL, 
	total_ns BIGINT NOT NULL, 
	PRIMARY KEY (profile, place), 
	FOREIGN KEY(profile) REFERENCES profiles (id)
);
INSERT INTO "operators" VALUES('profile-1',0,'Fully Connected (NC, F32) GEMM','F32','xnnpack',60000,600000);
INSERT INTO "operators" VALUES('profile-1',1,'DEPTHWISE_CONV_2D','float32, int8 -> float32',NULL,30000,300000);
CREATE TABLE profiles (
	id VARCHAR(64) NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	case_id INTEGER NOT NULL, 
	artifact VARCHAR(64) NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME NOT NULL, 
	error TEXT, 
	unsupported BOOLEAN NOT NULL, 
	invocations INTEGER NOT NULL, 
	interrupted INTEGER NOT NULL, 
	total_ns BIGINT NOT NULL, 
	quiet_ns BIGINT NOT NULL, 
	versions JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run) REFERENCES runs (id), 
	FOREIGN KEY(case_id) REFERENCES cases (id), 
	FOREIGN KEY(artifact) REFERENCES artifacts (sha256)
);
INSERT INTO "profiles" VALUES('profile-1','run-1',2,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','2026-01-01 00:00:00.000000','2026-01-01 00:00:00.000000',NULL,0,10,0,1000000,95000,'{"python": "3.11.7", "ai-edge-litert": "2.3.0"}');
CREATE TABLE run_cases (
	run VARCHAR(64) NOT NULL, 
	case_id INTEGER NOT NULL, 
	skipped TEXT, 
	judged_at DATETIME, 
	artifact VARCHAR(64), 
	attempts INTEGER NOT NULL, 
	samples INTEGER NOT NULL, 
	verdict TEXT, 
	reasons JSON NOT NULL, baseline_case_id INTEGER, is_current BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (run, case_id), 
	FOREIGN KEY(artifact) REFERENCES artifacts (sha256), 
	FOREIGN KEY(case_id) REFERENCES cases (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "run_cases" VALUES('run-1',1,'no such runtime',NULL,NULL,0,0,NULL,'[]',NULL,0);
INSERT INTO "run_cases" VALUES('run-1',2,NULL,'2026-01-01 00:00:00.000000','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,128,'VALID','[]',2,1);
CREATE TABLE runs (
	id VARCHAR(64) NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	suite JSON NOT NULL, 
	seed BIGINT NOT NULL, 
	effort TEXT NOT NULL, 
	dataset TEXT NOT NULL, 
	synthetic BOOLEAN NOT NULL, 
	farm_version TEXT NOT NULL, 
	exit_status INTEGER, name VARCHAR(64), 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('run-1','2026-01-01 00:00:00.000000','2026-01-01 00:00:00.000000','{"models": ["tiny-cxr"]}',7,'smoke','phantom',1,'0.1.0',0,'release-1');
CREATE TABLE samples (
	attempt VARCHAR(64) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	count INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (attempt, kind), 
	FOREIGN KEY(attempt) REFERENCES attempts (id)
);
INSERT INTO "samples" VALUES('attempt-1','warmup',2,X'E0C81000000000009005100000000000');
INSERT INTO "samples" VALUES('attempt-1','latency',128,X'40420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F000000000040420F0000000000');
CREATE TABLE scores (
	id VARCHAR(64) NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	device TEXT NOT NULL, 
	model TEXT NOT NULL, 
	scheme TEXT NOT NULL, 
	runtime TEXT NOT NULL, 
	batch INTEGER NOT NULL, 
	artifact VARCHAR(64) NOT NULL, 
	pixels_sha256 TEXT NOT NULL, 
	labels_sha256 TEXT NOT NULL, 
	wall_ns BIGINT NOT NULL, 
	error TEXT, 
	images INTEGER NOT NULL, 
	class_count INTEGER NOT NULL, 
	scores BLOB NOT NULL, 
	classes JSON NOT NULL, 
	device_auc JSON NOT NULL, 
	auc JSON NOT NULL, auc_error DOUBLE, image_list VARCHAR(64), scored_in TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(artifact) REFERENCES artifacts (sha256), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "scores" VALUES('scoring-1','run-1','local','tiny-cxr','float32','litert',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',1000000000,NULL,2,1,X'0000003F0000403F','["Nodule"]','[1.0]','[1.0]',0.01,NULL,NULL);
CREATE INDEX ix_runs_started_at ON runs (started_at);
CREATE INDEX attempts_of_a_case ON attempts (run, case_id);
CREATE INDEX ix_device_facts_run ON device_facts (run);
CREATE INDEX ix_events_run ON events (run);
CREATE INDEX ix_lanes_run ON lanes (run);
CREATE INDEX ix_run_cases_case_id ON run_cases (case_id);
CREATE INDEX ix_run_cases_judged_at ON run_cases (judged_at);
CREATE INDEX ix_cases_device ON cases (device);
CREATE INDEX ix_calibrations_device ON calibrations (device);
CREATE UNIQUE INDEX ix_runs_name ON runs (name);
CREATE INDEX ix_profiles_run ON profiles (run);
CREATE INDEX ix_profiles_case_id ON profiles (case_id);
CREATE UNIQUE INDEX current_results ON run_cases (case_id) WHERE is_current;
CREATE INDEX scores_of_a_case ON scores (run, device, model, scheme, runtime, batch);
CREATE VIEW v_results AS 
        SELECT rc.run, r.name AS run_name, rc.judged_at AS measured_at, rc.is_current, c.device || '/' || c.model || '/' || c.scheme || '/' || c.runtime || '/t' || c.threads || '/b' || c.batch || CASE WHEN c.interpreters > 0 THEN '/x' || c.interpreters ELSE '' END AS case_name, c.device, c.model, c.scheme, c.runtime, c.threads, c.batch, c.interpreters,
            r.dataset, r.synthetic, r.effort, r.farm_version, rc.artifact, a.size_bytes, rc.attempts, rc.samples,
            rc.verdict, (SELECT group_concat(json_extract(e.value, '$.code'), ', ') FROM json_each(rc.reasons) e) AS reason_codes, (SELECT group_concat(json_extract(e.value, '$.message'), '; ') FROM json_each(rc.reasons) e) AS reasons,
            (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p50_ns') AS p50_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p50_low_ns') AS p50_low_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p50_high_ns') AS p50_high_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p90_ns') AS p90_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p99_ns') AS p99_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'images_per_s') AS images_per_s, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_mean') AS auc_mean, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_low') AS auc_low, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_high') AS auc_high, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'load_ns') AS load_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'first_ns') AS first_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'import_ns') AS import_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'peak_rss_bytes') AS peak_rss_bytes, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'energy_j') AS energy_j, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'energy_idle_j') AS energy_idle_j,
            CAST(b.size_bytes AS DOUBLE PRECISION) / NULLIF(a.size_bytes, 0) AS size_ratio,
            COALESCE(NULLIF((SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'images_per_s'), 0) / NULLIF((SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.baseline_case_id AND m.name = 'images_per_s'), 0), NULLIF((SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.baseline_case_id AND m.name = 'p50_ns'), 0) / NULLIF((SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p50_ns'), 0)) AS speedup,
            (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_mean') - (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.baseline_case_id AND m.name = 'auc_mean') AS auc_change
        FROM run_cases rc JOIN cases c ON c.id = rc.case_id JOIN runs r ON r.id = rc.run
        LEFT JOIN artifacts a ON a.sha256 = rc.artifact
        LEFT JOIN run_cases br ON br.run = rc.run AND br.case_id = rc.baseline_case_id
        LEFT JOIN artifacts b ON b.sha256 = br.artifact
        WHERE rc.judged_at IS NOT NULL;
CREATE VIEW v_attempts AS 
        SELECT a.id AS attempt, a.run, c.device || '/' || c.model || '/' || c.scheme || '/' || c.runtime || '/t' || c.threads || '/b' || c.batch || CASE WHEN c.interpreters > 0 THEN '/x' || c.interpreters ELSE '' END AS case_name, c.device, c.model, c.scheme, c.runtime, c.threads, c.batch, c.interpreters, a.number, a.artifact, a.started_at, a.ended_at,
            a.wall_ns, a.error, a.import_ns, a.context_ns, a.load_ns, a.first_ns, a.p10_ns, a.p50_ns, a.count,
            a.invocations_per_sample, a.span_ns, a.feed_ns, a.read_ns, a.pre_ns, a.clock_ns, a.loop_ns,
            a.peak_rss_bytes, a.golden_max_difference, (SELECT group_concat(e.key || ' ' || e.value, ', ') FROM (SELECT key, value FROM json_each(a.versions) ORDER BY key) e) AS versions
        FROM attempts a JOIN cases c ON c.id = a.case_id;
CREATE VIEW v_accuracy AS 
        SELECT s.id AS scoring, s.run, s.device, s.model, s.scheme, s.runtime, s.batch, s.artifact, s.images, s.error,
            e.value AS finding, json_extract(s.auc, '$[' || e.key || ']') AS auc,
            json_extract(s.device_auc, '$[' || e.key || ']') AS device_auc, s.auc_error AS auc_mean_error
        FROM scores s, json_each(s.classes) e;
CREATE VIEW v_devices AS 
        SELECT d.name AS device, d.last_seen_at, CASE WHEN json_type(d.facts, '$.machine') IN ('text') THEN json_extract(d.facts, '$.machine') END AS machine, CASE WHEN json_type(d.facts, '$.board') IN ('text') THEN json_extract(d.facts, '$.board') END AS board, CASE WHEN json_type(d.facts, '$.cpu_model') IN ('text') THEN json_extract(d.facts, '$.cpu_model') END AS cpu_model, CASE WHEN json_type(d.facts, '$.os') IN ('text') THEN json_extract(d.facts, '$.os') END AS os, CASE WHEN json_type(d.facts, '$.kernel') IN ('text') THEN json_extract(d.facts, '$.kernel') END AS kernel, CASE WHEN json_type(d.facts, '$.libc') IN ('text') THEN json_extract(d.facts, '$.libc') END AS libc, CASE WHEN json_type(d.facts, '$.python') IN ('text') THEN json_extract(d.facts, '$.python') END AS python, CASE WHEN json_type(d.facts, '$.governor') IN ('text') THEN json_extract(d.facts, '$.governor') END AS governor, CASE WHEN json_type(d.facts, '$.cores') IN ('integer', 'real') THEN json_extract(d.facts, '$.cores') END AS cores, CASE WHEN json_type(d.facts, '$.memory_bytes') IN ('integer', 'real') THEN json_extract(d.facts, '$.memory_bytes') END AS memory_bytes, CASE WHEN json_type(d.facts, '$.frequency_max_hz') IN ('integer', 'real') THEN json_extract(d.facts, '$.frequency_max_hz') END AS frequency_max_hz, CASE WHEN json_type(d.facts, '$.hardware_key') IN ('text') THEN json_extract(d.facts, '$.hardware_key') END AS hardware_key, k.noise_floor, k.at AS calibrated_at
        FROM devices d LEFT JOIN calibrations k ON k.hardware_key = CASE WHEN json_type(d.facts, '$.hardware_key') IN ('text') THEN json_extract(d.facts, '$.hardware_key') END
            AND k.id = (SELECT max(n.id) FROM calibrations n WHERE n.device = d.name);
CREATE VIEW v_figures AS 
        SELECT rc.run, rc.is_current, c.device || '/' || c.model || '/' || c.scheme || '/' || c.runtime || '/t' || c.threads || '/b' || c.batch || CASE WHEN c.interpreters > 0 THEN '/x' || c.interpreters ELSE '' END AS case_name, c.device, c.model, c.scheme, c.runtime, c.threads, c.batch, c.interpreters, rc.verdict, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p50_ns') AS p50_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p50_low_ns') AS p50_low_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p50_high_ns') AS p50_high_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p90_ns') AS p90_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p90_low_ns') AS p90_low_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p90_high_ns') AS p90_high_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p95_ns') AS p95_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p99_ns') AS p99_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'p999_ns') AS p999_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_mean') AS auc_mean, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_low') AS auc_low, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_high') AS auc_high, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_change_low') AS auc_change_low, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_change_high') AS auc_change_high, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_findings') AS auc_findings, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'auc_findings_left_out') AS auc_findings_left_out, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'invocations_per_sample') AS invocations_per_sample, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'outliers_low') AS outliers_low, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'outliers_mild') AS outliers_mild, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'outliers_severe') AS outliers_severe, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'images_per_s') AS images_per_s, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'images_per_s_low') AS images_per_s_low, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'images_per_s_high') AS images_per_s_high, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'energy_j') AS energy_j, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'energy_low_j') AS energy_low_j, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'energy_high_j') AS energy_high_j, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'energy_idle_j') AS energy_idle_j, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'load_ns') AS load_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'first_ns') AS first_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'import_ns') AS import_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'peak_rss_bytes') AS peak_rss_bytes, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'first_minute_ns') AS first_minute_ns, (SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = rc.case_id AND m.name = 'last_minute_ns') AS last_minute_ns
        FROM run_cases rc JOIN cases c ON c.id = rc.case_id JOIN runs r ON r.id = rc.run WHERE rc.judged_at IS NOT NULL;
COMMIT;
