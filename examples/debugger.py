"""A PyTorch loop with a fault, watched: the report says what is wrong and what to do."""

import torch
from torch import nn

from gureum import debugger

torch.manual_seed(0)
x = torch.randn(512, 10)
y = (x[:, 0] + x[:, 1] > 0).long()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()

with debugger.watch(model, optimizer=optimizer, loss=loss_fn) as watch:
    for _ in range(3):
        for rows in torch.randperm(512).split(64):
            loss = loss_fn(model(x[rows]), y[rows])  # optimizer.zero_grad() is missing
            loss.backward()
            optimizer.step()

print(watch.report())
