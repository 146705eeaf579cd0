"""A research brief: a question, a folder of documents that do not all agree, and claims that quote what they rest on."""
