-- What was wrong with the tag, as a word and as a sentence; both null unless the row was anomalous and the tag carried it.
alter table tag_score add column class text;
alter table tag_score add column finding text;
