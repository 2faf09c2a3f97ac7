"""Mail comes in: envelope and content, a list of small steps, one disposition, filed.

    arrival -> steps/* (each adds its evidence) -> disposition.judge -> deliver (does it) -> an outcome

Steps find out and judge nothing; `disposition` judges and touches nothing; `deliver` does what was
decided and decides nothing. An outcome "delivered" means that the message is on disk.
"""
