-- A closure may be of a part of the cache: a bit for each, all of them where nothing is said.
alter table cache_closures add column parts bigint not null default -1;
