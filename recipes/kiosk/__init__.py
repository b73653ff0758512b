"""What only the kiosk knows: its four labels, and what follows from them. Nothing that another recipe uses is here.

labels.py           the four labels, and from which age on a person is an elder
answers.py          age and gender, each with its own confidence
message.py          the label message and the stored result
probabilities.py    a label and its confidence → the two answers, and back
two_questions.py    two answers → the label
teaching.py         which adult labels may hide an elder, and do not teach
screen.py           when the easy screen is shown
orders.py           the keys of the table of orders
"""
