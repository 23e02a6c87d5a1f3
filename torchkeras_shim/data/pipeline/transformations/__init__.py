"""What makes one data set of another: the methods of `Dataset`, written as functions of any pipeline."""
