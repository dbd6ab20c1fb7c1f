BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
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
	versions JSON, golden_max_difference DOUBLE, golden_mean_difference DOUBLE, import_ns BIGINT, context_ns BIGINT, span_ns BIGINT, feed_ns BIGINT, read_ns BIGINT, clock_ns BIGINT, loop_ns BIGINT, invocations_per_sample INTEGER DEFAULT 1 NOT NULL, unloadable BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(artifact) REFERENCES artifacts (sha256), 
	FOREIGN KEY(case_id) REFERENCES cases (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "attempts" VALUES('attempt-1','run-1',2,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','2026-01-01 00:00:00.000000','2026-01-01 00:00:00.000000',2000000000,NULL,5000000,2000000,50000000,'[]','{"threads": 1, "delegate": null}','{"threads": 1, "delegate": "xnnpack", "nodes": 10, "delegated_nodes": 10, "warmed_up": true}','{"python": "3.11.7", "numpy": "2.4.6", "ai-edge-litert": "2.3.0"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,0);
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
INSERT INTO "devices" VALUES('local','{"name": "local", "transport": "local", "address": null, "user": null, "port": null, "identity_file": null, "via": null, "tags": [], "groups": [], "python": "python3", "workdir": ".farm-agent", "runtimes": [], "limits": {"start_below_c": null, "settle_margin_c": 5.0, "settle_at_most_s": 300.0, "disk_bytes": null, "memory_bytes": null, "attempt_timeout_s": null}, "notes": ""}','2026-01-01 00:00:00.000000','{"cores": 4}');
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
INSERT INTO "events" VALUES(3,'run-1','2026-01-01 00:00:00.000000','DeviceProbed','local','{"entry": "local"}');
INSERT INTO "events" VALUES(4,'run-1','2026-01-01 00:00:00.000000','LaneSkipped','local','{"reason": "it is off"}');
INSERT INTO "events" VALUES(5,'run-1','2026-01-01 00:00:00.000000','CaseSkipped','local','{"case": "local/tiny-cxr/float32/tflite/t1/b1", "reason": "no such runtime"}');
INSERT INTO "events" VALUES(6,'run-1','2026-01-01 00:00:00.000000','Planned',NULL,'{"cases": 1, "skips": 0}');
INSERT INTO "events" VALUES(7,'run-1','2026-01-01 00:00:00.000000','BuildStarted',NULL,'{"total": 1}');
INSERT INTO "events" VALUES(8,'run-1','2026-11-27 13:34:02.341716','ArtifactReady',NULL,'{"reused": false, "seconds": 1.5, "artifact": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "model": "tiny-cxr", "scheme": "float32", "batch": 1}');
INSERT INTO "events" VALUES(9,'run-1','2026-01-01 00:00:00.000000','BuildFailed',NULL,'{"model": "tiny-cxr", "scheme": "float32", "batch": 1, "error": "it can''t"}');
INSERT INTO "events" VALUES(10,'run-1','2026-01-01 00:00:00.000000','BlobSent','local','{"what": "artifact", "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "size_bytes": 5000000000, "sent_bytes": 10}');
INSERT INTO "events" VALUES(11,'run-1','2026-11-27 13:34:02.341741','LaneStarted','local','{"lane": "lane-1"}');
INSERT INTO "events" VALUES(12,'run-1','2026-01-01 00:00:00.000000','DeviceTuned','local','{"said": {"set": [{"what": "governor of policy0", "before": "a", "now": "b"}]}}');
INSERT INTO "events" VALUES(13,'run-1','2026-01-01 00:00:00.000000','AttemptStarted','local','{"attempt": "attempt-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "number": 1}');
INSERT INTO "events" VALUES(14,'run-1','2026-11-27 13:34:02.341793','AttemptEnded','local','{"attempt": "attempt-1", "case": "local/tiny-cxr/float32/litert/t1/b1", "error": null}');
INSERT INTO "events" VALUES(15,'run-1','2026-01-01 00:00:00.000000','ScoringStarted','local','{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "runtime": "litert"}');
INSERT INTO "events" VALUES(16,'run-1','2026-01-01 00:00:00.000000','Scored','local','{"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "error": null}');
INSERT INTO "events" VALUES(17,'run-1','2026-01-01 00:00:00.000000','LinkLost','local','{"reason": "the cable"}');
INSERT INTO "events" VALUES(18,'run-1','2026-01-01 00:00:00.000000','LaneEnded','local','{"lane": "lane-1", "error": null}');
INSERT INTO "events" VALUES(19,'run-1','2026-01-01 00:00:00.000000','CaseJudged','local','{"case": "local/tiny-cxr/float32/litert/t1/b1", "verdict": "WARN", "reasons": ["smoke"]}');
INSERT INTO "events" VALUES(20,'run-1','2026-01-01 00:00:00.000000','CaseJudgedAgain','local','{"case": "local/tiny-cxr/float32/litert/t1/b1", "verdict": "VALID", "reasons": []}');
INSERT INTO "events" VALUES(21,'run-1','2026-01-01 00:00:00.000000','RunEnded',NULL,'{"exit_status": 0}');
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
CREATE TABLE run_cases (
	run VARCHAR(64) NOT NULL, 
	case_id INTEGER NOT NULL, 
	skipped TEXT, 
	judged_at DATETIME, 
	artifact VARCHAR(64), 
	attempts INTEGER NOT NULL, 
	samples INTEGER NOT NULL, 
	verdict TEXT, 
	reasons JSON NOT NULL, 
	PRIMARY KEY (run, case_id), 
	FOREIGN KEY(artifact) REFERENCES artifacts (sha256), 
	FOREIGN KEY(case_id) REFERENCES cases (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "run_cases" VALUES('run-1',1,'no such runtime',NULL,NULL,0,0,NULL,'[]');
INSERT INTO "run_cases" VALUES('run-1',2,NULL,'2026-01-01 00:00:00.000000','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,128,'VALID','[]');
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
	exit_status INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('run-1','2026-01-01 00:00:00.000000','2026-01-01 00:00:00.000000','{"models": ["tiny-cxr"]}',7,'smoke','phantom',1,'0.1.0',0);
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
	auc JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(artifact) REFERENCES artifacts (sha256), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "scores" VALUES('scoring-1','run-1','local','tiny-cxr','float32','litert',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',1000000000,NULL,2,1,X'0000003F0000403F','["Nodule"]','[1.0]','[1.0]');
CREATE INDEX ix_runs_started_at ON runs (started_at);
CREATE INDEX attempts_of_a_case ON attempts (run, case_id);
CREATE INDEX ix_device_facts_run ON device_facts (run);
CREATE INDEX ix_events_run ON events (run);
CREATE INDEX ix_lanes_run ON lanes (run);
CREATE INDEX ix_run_cases_case_id ON run_cases (case_id);
CREATE INDEX ix_run_cases_judged_at ON run_cases (judged_at);
CREATE INDEX ix_scores_run ON scores (run);
CREATE INDEX ix_cases_device ON cases (device);
CREATE INDEX ix_calibrations_device ON calibrations (device);
COMMIT;
