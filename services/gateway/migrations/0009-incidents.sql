-- What went wrong for a while, noted by the servers themselves, so that it can be told when it is over.
create table gateway.incident (
  id           bigint generated always as identity primary key,
  kind         text not null,
  instance_id  text not null,
  opened_at    timestamptz not null,
  closed_at    timestamptz,
  evidence     text not null
);
create index incident_opened on gateway.incident (opened_at desc);
