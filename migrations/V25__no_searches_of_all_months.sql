-- The index of V24 takes its place. What holds the table for long, such as an export, is not waited for:
-- orders would wait behind this.
set local lock_timeout = '2s';

drop index products_words_idx;
