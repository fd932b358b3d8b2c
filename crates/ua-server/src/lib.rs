//! Gives verdicts and alarms back as an OPC UA server.
