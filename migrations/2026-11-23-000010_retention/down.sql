DROP FUNCTION eye_expire_rejections(integer);
DROP FUNCTION eye_expire_rows(integer);
DROP FUNCTION eye_expire_partition(integer);
DROP FUNCTION eye_detach_expired(integer);
DROP FUNCTION eye_recount_sessions(text[]);
DROP FUNCTION eye_expired_partitions(integer);
DROP FUNCTION eye_expiry_limit(integer);

-- What was detached is expired, and no longer counted by anybody.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT partition_name FROM expiring_partitions LOOP
        EXECUTE format('DROP TABLE public.%I', 'expired_' || name);
    END LOOP;
END
$$;

DROP TABLE expiring_partitions;
DROP TABLE expired_counts;
