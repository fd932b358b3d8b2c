-- What an operator said of an alarm (`real` or `nuisance`); null where nobody has.
alter table alarm add column assessment text;

-- What a tag's fault looks like, as a word and as a sentence; both null where that is not known.
alter table alarm_contribution add column class text;
alter table alarm_contribution add column finding text;
