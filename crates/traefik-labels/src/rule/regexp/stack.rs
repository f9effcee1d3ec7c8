use super::{MAX_REPEAT, Repeat};

/// Go refuses expressions that nest deeper.
const MAX_HEIGHT: u32 = 1000;

/// What Go's parser knows of the expression so far, as far as it decides on refusals.
#[derive(Debug, Default)]
pub(super) struct Stack {
    outer: Vec<Group>,
    group: Group,
}

/// A group that is being read, or the whole expression.
#[derive(Debug, Default)]
struct Group {
    captures: bool,
    /// What a repetition would apply to.
    last: Option<Item>,
    sum: Item,
    items: u32,
    alternatives: u32,
    height_of_alternatives: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Item {
    /// How often the innermost part is repeated.
    repeats: u32,
    height: u32,
    literal: bool,
}

// === impl Stack ===

impl Stack {
    pub(super) fn push(&mut self) {
        self.group.push(Item { repeats: 0, height: 1, literal: false });
    }

    pub(super) fn push_literal(&mut self) {
        self.group.push(Item { repeats: 0, height: 1, literal: true });
    }

    pub(super) fn open(&mut self, captures: bool) -> Result<(), &'static str> {
        if self.outer.len() >= MAX_HEIGHT as usize {
            return Err("the expression is nested too deeply");
        }
        let group = Group { captures, ..Group::default() };
        self.outer.push(std::mem::replace(&mut self.group, group));
        Ok(())
    }

    pub(super) fn alternative(&mut self) {
        self.group.end_alternative();
    }

    pub(super) fn close(&mut self) -> Result<(), &'static str> {
        let outer = self.outer.pop().ok_or("a parenthesis is closed that was never opened")?;
        let item = std::mem::replace(&mut self.group, outer).into_item();
        if item.height > MAX_HEIGHT {
            return Err("the expression is nested too deeply");
        }
        self.group.push(item);
        Ok(())
    }

    pub(super) fn repeat(&mut self, repeat: Repeat) -> Result<(), &'static str> {
        let last = self.group.last.as_mut().ok_or("there is nothing to repeat")?;
        last.literal = false;
        last.height += 1;
        if last.height > MAX_HEIGHT {
            return Err("the expression is nested too deeply");
        }
        if repeat.counted {
            let times = repeat.max.unwrap_or(repeat.min);
            last.repeats = if repeat.max == Some(0) { 0 } else { times.max(1) * last.repeats.max(times.min(1)) };
            let several = repeat.min >= 2 || repeat.max.is_some_and(|max| max >= 2);
            if several && last.repeats > MAX_REPEAT {
                return Err("nested repetitions multiply to more than 1000");
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), &'static str> {
        if !self.outer.is_empty() {
            return Err("a parenthesis is never closed");
        }
        if self.group.into_item().height > MAX_HEIGHT { Err("the expression is nested too deeply") } else { Ok(()) }
    }
}

// === impl Group ===

impl Group {
    fn push(&mut self, item: Item) {
        let joins = item.literal && self.last.is_some_and(|last| last.literal);
        if joins {
            return;
        }
        self.settle();
        self.last = Some(item);
    }

    /// Adds the last item to the sum: from now on no repetition can apply to it.
    fn settle(&mut self) {
        if let Some(last) = self.last.take() {
            self.items += 1;
            self.sum.repeats = self.sum.repeats.max(last.repeats);
            self.sum.height = self.sum.height.max(last.height);
        }
    }

    fn end_alternative(&mut self) {
        self.settle();
        let height = self.sum.height.max(1) + u32::from(self.items > 1);
        self.height_of_alternatives = self.height_of_alternatives.max(height);
        self.alternatives += 1;
        self.items = 0;
        self.sum.height = 0;
    }

    fn into_item(mut self) -> Item {
        self.end_alternative();
        let several = u32::from(self.alternatives > 1);
        Item {
            repeats: self.sum.repeats,
            height: self.height_of_alternatives + several + u32::from(self.captures),
            literal: false,
        }
    }
}
