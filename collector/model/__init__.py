"""The words of the project as frozen values, and `fold`; imports nothing of ours."""
