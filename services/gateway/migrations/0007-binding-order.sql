-- Bindings are read page by page, what was used last first; the digest tells apart what was used at the same moment.
drop index gateway.binding_touched;
create index binding_touched on gateway.binding (kind, touched_at, digest);
