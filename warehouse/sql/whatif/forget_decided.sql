-- Takes out of a record what runs decided themselves: their own stage events, routing decisions, restatements and the contradictions they saw.
DELETE FROM record.landing_attempt WHERE claim_id IN (SELECT claim_id FROM record.activity WHERE method = 'own');
DELETE FROM record.activity WHERE method = 'own';
DELETE FROM record.routing;
DELETE FROM record.restatement;
DELETE FROM record.conflict WHERE kind <> 'superseded_claim'
