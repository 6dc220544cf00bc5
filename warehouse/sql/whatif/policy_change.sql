-- One row per key of the policy that differs, and per register that was replaced.
-- key: key
-- key VARCHAR: Key of the policy, its parts joined by dots; `register assets`, `register people` or `register ownership` for a register.
-- base VARCHAR: Its value in the policy of the run; null where that has none. For a register, what was recorded.
-- whatif VARCHAR: Its value in the other policy. For a register, the file that stood in for it.
SELECT key, base, whatif
FROM given
ORDER BY key
