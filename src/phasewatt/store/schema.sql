-- Version 2 of a phasewatt results database. docs/store-schema.md explains every column; a change here needs a new
-- version and a step in migrations.cpp. NULL = not known. Units stand in the names.

-- One row: what was studied, and where the numbers came from.
CREATE TABLE study (
  study_index       INTEGER PRIMARY KEY CHECK (study_index = 1),
  name              TEXT NOT NULL,
  study_toml        TEXT NOT NULL,
  fingerprint       TEXT NOT NULL,
  token_kind        TEXT NOT NULL,
  store_prompts     INTEGER NOT NULL CHECK (store_prompts IN (0, 1)),
  baseline_sm_mhz   REAL,
  seed              INTEGER NOT NULL,
  program_version   TEXT NOT NULL,
  host              TEXT NOT NULL,
  device_id         TEXT NOT NULL,
  device_name       TEXT NOT NULL,
  driver            TEXT NOT NULL,
  engine            TEXT NOT NULL,
  runtime           TEXT NOT NULL,
  spec_hash         TEXT NOT NULL,
  device_simulated  INTEGER NOT NULL CHECK (device_simulated IN (0, 1)),
  engine_simulated  INTEGER NOT NULL CHECK (engine_simulated IN (0, 1)),
  simulated         INTEGER NOT NULL CHECK (simulated = (device_simulated OR engine_simulated))
) STRICT;

CREATE TABLE study_option (
  name   TEXT NOT NULL PRIMARY KEY,
  value  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE study_text (
  kind      TEXT NOT NULL CHECK (kind IN ('sample', 'note')),
  position  INTEGER NOT NULL,
  text      TEXT NOT NULL,
  PRIMARY KEY (kind, position)
) STRICT, WITHOUT ROWID;

-- One row per process that worked on the study: the only place with time stamps, and left out of the content digest.
CREATE TABLE session (
  session_index    INTEGER PRIMARY KEY,
  begin_utc        TEXT NOT NULL,
  end_utc          TEXT,
  complete         INTEGER CHECK (complete IN (0, 1)),
  program_version  TEXT NOT NULL,
  host             TEXT NOT NULL,
  pid              INTEGER NOT NULL
) STRICT;

CREATE TABLE query (
  query_index           INTEGER PRIMARY KEY,
  query_id              TEXT NOT NULL UNIQUE,
  dataset               TEXT NOT NULL,
  dataset_row           INTEGER NOT NULL,
  task                  TEXT NOT NULL,
  answer_index          INTEGER,
  prompt_tokens         INTEGER NOT NULL,
  words                 REAL NOT NULL,
  characters            REAL NOT NULL,
  token_entropy_bits    REAL NOT NULL,
  unique_ratio          REAL NOT NULL,
  entity_density        REAL NOT NULL,
  causal_question       REAL NOT NULL,
  reasoning_complexity  REAL NOT NULL,
  words_per_sentence    REAL NOT NULL,
  complexity_score      REAL NOT NULL
) STRICT;

-- Apart from query, so that its rows stay small: each request looks its query up. Empty without store_prompts.
CREATE TABLE query_text (
  query_index  INTEGER NOT NULL REFERENCES query,
  kind         TEXT NOT NULL CHECK (kind IN ('question', 'context', 'prompt', 'choice', 'reference')),
  position     INTEGER NOT NULL,
  text         TEXT NOT NULL,
  PRIMARY KEY (query_index, kind, position)
) STRICT, WITHOUT ROWID;

-- The plan, whether run or not.
CREATE TABLE point (
  point_index     INTEGER PRIMARY KEY,
  model           TEXT NOT NULL,
  dataset         TEXT NOT NULL,
  batch           INTEGER NOT NULL,
  sm_mhz_asked    REAL,
  sm_mhz_snapped  REAL,
  repeat_index    INTEGER NOT NULL,
  reference       INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Points that the stop rule made unnecessary.
CREATE TABLE point_spared (
  point_index  INTEGER PRIMARY KEY REFERENCES point
) STRICT;

-- The ceilings of the card that the study took, and where they are from, one row per number; and what it took to be known
-- of each GPU's sensors.
CREATE TABLE study_calibration (
  name   TEXT NOT NULL PRIMARY KEY,
  value  REAL,
  text   TEXT
) STRICT, WITHOUT ROWID;

-- One row per finished point.
CREATE TABLE run (
  point_index          INTEGER PRIMARY KEY REFERENCES point,
  sm_mhz_asked         REAL,
  sm_mhz_snapped       REAL,
  sm_mhz_seen          REAL,
  throttle_mask        INTEGER NOT NULL,
  prefill_s            REAL NOT NULL,
  prefill_tokens       REAL NOT NULL,
  prefill_spans        INTEGER NOT NULL,
  prefill_energy_j     REAL,
  decode_s             REAL NOT NULL,
  decode_tokens        REAL NOT NULL,
  decode_spans         INTEGER NOT NULL,
  decode_energy_j      REAL,
  score_s              REAL NOT NULL,
  score_tokens         REAL NOT NULL,
  score_spans          INTEGER NOT NULL,
  score_energy_j       REAL,
  wall_s               REAL NOT NULL,
  idle_s               REAL NOT NULL,
  energy_j             REAL,
  idle_energy_j        REAL,
  energy_method        TEXT,
  energy_rel_error     REAL,
  temperature_begin_c  REAL,
  temperature_end_c    REAL,
  validity             TEXT NOT NULL CHECK (validity IN ('valid', 'degraded', 'void')),
  detail               TEXT NOT NULL,
  simulated            INTEGER NOT NULL CHECK (simulated IN (0, 1)),
  cross_energy_j       REAL,
  cross_rel_error      REAL,
  passes               INTEGER NOT NULL DEFAULT 1,
  tail_s               REAL NOT NULL DEFAULT 0,
  reads                INTEGER,
  lost_reads           INTEGER,
  sampler_cpu_share    REAL,
  driver_share         REAL
) STRICT;

-- How a phase's energy was obtained, and what the phase did: one row per phase that occurred.
CREATE TABLE run_phase (
  point_index        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  phase              TEXT NOT NULL,
  energy_method      TEXT,
  energy_rel_error   REAL,
  stacked_energy_j   REAL,
  stacked_rel_error  REAL,
  energy_truth_j     REAL,
  bytes              REAL,
  flops              REAL,
  gpu_busy_s         REAL,
  launch_s           REAL,
  PRIMARY KEY (point_index, phase)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_reason (
  point_index  INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  position     INTEGER NOT NULL,
  reason       TEXT NOT NULL,
  PRIMARY KEY (point_index, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE request (
  point_index    INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  request_index  INTEGER NOT NULL,
  query_index    INTEGER NOT NULL REFERENCES query,
  prompt_tokens  INTEGER NOT NULL,
  output_tokens  INTEGER NOT NULL,
  ttft_s         REAL NOT NULL,
  latency_s      REAL NOT NULL,
  energy_j       REAL,
  quality        REAL,
  PRIMARY KEY (point_index, request_index)
) STRICT, WITHOUT ROWID;
