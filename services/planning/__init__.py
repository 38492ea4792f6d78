"""Planning: group plans of strategic and partner customers, supporting services, groups of customers."""
