-- Whether a list is still what it was when somebody read it: its mark is another one after every
-- change, whoever made it. Marks are random and not counted, so that none comes twice, also when a
-- backup brings back what was. They are not part of a backup.

CREATE TABLE mark (
    list TEXT PRIMARY KEY NOT NULL,
    mark TEXT NOT NULL
) STRICT;

INSERT INTO mark (list, mark) VALUES ('login', lower(hex(randomblob(16))));

CREATE TRIGGER login_inserted AFTER INSERT ON login
BEGIN
    UPDATE mark SET mark = lower(hex(randomblob(16))) WHERE list = 'login';
END;

CREATE TRIGGER login_updated AFTER UPDATE ON login
BEGIN
    UPDATE mark SET mark = lower(hex(randomblob(16))) WHERE list = 'login';
END;

CREATE TRIGGER login_deleted AFTER DELETE ON login
BEGIN
    UPDATE mark SET mark = lower(hex(randomblob(16))) WHERE list = 'login';
END;

-- The list says whether a login has a second factor.
CREATE TRIGGER totp_inserted AFTER INSERT ON totp
BEGIN
    UPDATE mark SET mark = lower(hex(randomblob(16))) WHERE list = 'login';
END;

CREATE TRIGGER totp_updated AFTER UPDATE ON totp
BEGIN
    UPDATE mark SET mark = lower(hex(randomblob(16))) WHERE list = 'login';
END;

CREATE TRIGGER totp_deleted AFTER DELETE ON totp
BEGIN
    UPDATE mark SET mark = lower(hex(randomblob(16))) WHERE list = 'login';
END;
