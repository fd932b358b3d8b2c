//! Andon watches a plant floor: PLC tags in, anomaly alarms out.
