//! Reads PLC tags over OPC UA: sessions, subscriptions, polling, browsing and history.
