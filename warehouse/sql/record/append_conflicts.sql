-- Contradictions between sources, each once.
INSERT INTO record.conflict
SELECT DISTINCT ON (kind, subject, kept, lost) now.kind, now.subject, now.kept, now.lost, now.detail, now.recorded_at
FROM now_conflict AS now
ANTI JOIN record.conflict USING (kind, subject, kept, lost)
