DROP TABLE consumer_reports;
DROP TABLE queue_measurements;
