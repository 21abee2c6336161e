-- What is detached and half counted would leave its sessions wrong for ever.
DO $$
BEGIN
    IF EXISTS (SELECT FROM expiring_partitions) THEN
        RAISE EXCEPTION 'a partition that expires is detached and not dropped yet'
            USING ERRCODE = '55000', HINT = 'Let consumers or "eye retention" end it first.';
    END IF;
END
$$;

DROP FUNCTION eye_expire_rejections(integer);
DROP FUNCTION eye_expire_rows(integer);
DROP FUNCTION eye_expire_partition(integer);
DROP FUNCTION eye_detach_expired(integer);
DROP FUNCTION eye_shrink_sessions(text[], bigint[]);
DROP FUNCTION eye_expired_partitions(integer);
DROP FUNCTION eye_expiry_limit(integer);

DROP TABLE expiry_attempts;
DROP TABLE expiring_partitions;
DROP TABLE expired_counts;
