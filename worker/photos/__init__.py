"""A photo's way through the worker. To follow one from the upload's event to MQTT, read in this order:

lambdas/dispatch.py              the S3 event becomes a ticket in an SSM Run Command
shell/infer.sh                   the command posts its tickets to the worker's Unix socket
worker/photos/socket_server.py   POST /infer submits them to the pipeline (mode `queue`: sqs_consumer.py instead)
worker/photos/pipeline.py        the stages of a photo, in order: `Pipeline._process`
worker/photos/pending.py         the priority queue: which photo is next
worker/photos/store.py           S3: read the upload, write the result
worker/photos/examiner.py        decode, detect and decide, in the model's threads
imaging/decoding.py              bytes → upright RGB image, or the reason why the photo is rejected
worker/models/detector.py        the port to the model: image → subjects
worker/photos/task.py            subjects → message, of the recipe: worker/kiosk/decision.py, or answering.py
worker/photos/why.py             the picture that shows why, where the recipe has one
recipes/pictures.py              the picture that the recipe draws from its answers, where it draws one
worker/photos/delivery.py        after the result is stored: publish the label, save the training pair
worker/photos/publisher.py       the label over MQTT
"""
