"""What the agent is held against: processes that read the same detections and write to the events topic, in
transactions as large as the agent's."""
