-- One row per expectation: the rule in words, what it found, and what follows.
-- key: suite, expectation
-- suite VARCHAR: Suite that it belongs to.
-- expectation VARCHAR: Its name; that of the suite where the suite's rules could not even be stated.
-- level VARCHAR: critical (a law of our own work) or warning (whatever input can cause).
-- consequence VARCHAR: What follows where it does not hold - nothing is published, exit 3; or published and flagged.
-- rule VARCHAR: The rule in words.
-- checked BIGINT: Rows that it looked at; null where it is broken.
-- failed BIGINT: Rows that break it, each a row of mart.flag; null where it is broken.
-- success BOOLEAN: Whether it holds.
-- is_broken BOOLEAN: Whether it could not be judged - a defect of the suite, which says nothing of the data and stops publishing.
-- message VARCHAR: What was found, with the first row that breaks it.
SELECT suite, expectation, level, consequence, rule, checked, failed, success, is_broken, message
FROM derived.expectation_result
