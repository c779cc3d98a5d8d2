-- Whether a list is still what it was when somebody read it: its mark is another one after every
-- change, whoever made it. Marks are random and not counted, so that none comes twice, also when a
-- backup brings back what was. They are not part of a backup.

CREATE TABLE mark (
    list TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    mark TEXT COLLATE "C" NOT NULL
);

INSERT INTO mark (list, mark) VALUES ('login', gen_random_uuid()::text);

CREATE FUNCTION login_list_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE mark SET mark = gen_random_uuid()::text WHERE list = 'login';
    RETURN NULL;
END $$;

CREATE TRIGGER login_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON login
    FOR EACH STATEMENT EXECUTE FUNCTION login_list_changed();
-- The list says whether a login has a second factor.
CREATE TRIGGER totp_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON totp
    FOR EACH STATEMENT EXECUTE FUNCTION login_list_changed();
