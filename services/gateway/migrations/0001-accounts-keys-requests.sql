create schema gateway;

-- Accounts of the operator. Those from switchyard.toml and the built-in one have a row too, so that ids stay the same over restarts.
create table gateway.account (
  id            text primary key,
  name          text not null unique check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
  kind          text not null,
  source        text not null check (source in ('api', 'file', 'builtin')),
  base_url      text not null,
  models        text[] not null default '{}',
  models_from   text not null check (models_from in ('listed', 'given')),
  priority      integer not null default 100,
  organization  text,
  project       text,
  headers       jsonb not null default '{}',
  credential    bytea, -- sealed, bound to the id; null where the file holds it or none is needed
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now()
);

-- What clients present. Only the hash is kept.
create table gateway.key (
  id          text primary key,
  name        text not null,
  digest      bytea not null unique,
  hint        text not null,
  models      text[], -- null: all
  accounts    text[], -- ids; null: all
  created_at  timestamptz not null default now(),
  revoked_at  timestamptz
);
create unique index key_live_name on gateway.key (name) where revoked_at is null;

-- Which account made a response, so that whatever continues it goes there and nowhere else.
create table gateway.response_binding (
  response_id  text primary key,
  account_id   text not null,
  key_id       text not null,
  created_at   timestamptz not null default now()
);
create index response_binding_created on gateway.response_binding (created_at);

-- One row per request, with the record of how its account was chosen. Written behind, in batches; the row of a long request is
-- written while it runs and again when it ends. Partitioned by day, so that retention drops partitions.
create table gateway.request (
  id                   text not null,
  started_at           timestamptz not null,
  ended_at             timestamptz,
  instance_id          text not null,
  key_id               text,
  account_id           text,
  surface              text not null,
  lane                 text not null,
  model                text,
  stream               boolean not null,
  status               smallint,
  outcome              text not null,
  fault                text,
  attempts             smallint not null default 0,
  duration_ms          real,
  first_byte_ms        real,
  bytes_in             bigint not null default 0,
  bytes_out            bigint not null default 0,
  input_tokens         bigint,
  output_tokens        bigint,
  cached_tokens        bigint,
  reasoning_tokens     bigint,
  response_id          text,
  client_address       text,
  client_request_id    text,
  upstream_request_id  text,
  decision             jsonb,
  primary key (id, started_at)
) partition by range (started_at);
create index request_started on gateway.request (started_at desc);
create index request_open on gateway.request (instance_id) where ended_at is null;
-- A day that nobody made a partition for still finds a place.
create table gateway.request_default partition of gateway.request default;
