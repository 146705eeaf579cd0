"""The readiness report: what journals alone can show of an agent, and what they cannot."""
