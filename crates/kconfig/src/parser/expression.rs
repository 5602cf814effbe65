//! Expressions. `!` binds tighter than `&&`, which binds tighter than `||`;
//! relations stand between two symbols only.

use super::{Accepted, Parser};
use crate::expr::{ExprId, Relation, SymbolId};
use crate::scanner::{Keyword, Token};

/// How deep parentheses and negations may nest.
const MAX_DEPTH: usize = 200;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Accepted<ExprId> {
        self.alternatives(0)
    }

    /// `if <expression>`, or `y` if there is none.
    pub(super) fn condition(&mut self) -> Accepted<ExprId> {
        if *self.peek() != Token::Keyword(Keyword::If) {
            return Ok(ExprId::YES);
        }
        self.peeked = None;
        self.expression()
    }

    /// A symbol; a quoted one is a constant.
    pub(super) fn symbol(&mut self) -> Accepted<SymbolId> {
        match self.next() {
            Token::Word(word) => Ok(self.lookup(word.as_str(), false)),
            Token::Quoted(word) => Ok(self.lookup(&word, true)),
            other => {
                self.peeked = Some(other);
                Err(self.error("expected a symbol"))
            }
        }
    }

    fn alternatives(&mut self, depth: usize) -> Accepted<ExprId> {
        let first = self.conjunction(depth)?;
        if *self.peek() != Token::Or {
            return Ok(first);
        }
        let mut operands = vec![first];
        while *self.peek() == Token::Or {
            self.peeked = None;
            operands.push(self.conjunction(depth)?);
        }
        Ok(self.exprs.or(operands))
    }

    fn conjunction(&mut self, depth: usize) -> Accepted<ExprId> {
        let first = self.operand(depth)?;
        if *self.peek() != Token::And {
            return Ok(first);
        }
        let mut operands = vec![first];
        while *self.peek() == Token::And {
            self.peeked = None;
            operands.push(self.operand(depth)?);
        }
        Ok(self.exprs.and(operands))
    }

    fn operand(&mut self, depth: usize) -> Accepted<ExprId> {
        if depth >= MAX_DEPTH {
            return Err(self.error("the expression nests too deeply"));
        }
        match self.peek() {
            Token::Not => {
                self.peeked = None;
                let operand = self.operand(depth + 1)?;
                Ok(self.exprs.not(operand))
            }
            Token::Open => {
                self.peeked = None;
                let inner = self.alternatives(depth + 1)?;
                match self.next() {
                    Token::Close => Ok(inner),
                    other => {
                        self.peeked = Some(other);
                        Err(self.error("expected ')'"))
                    }
                }
            }
            _ => self.relation(),
        }
    }

    fn relation(&mut self) -> Accepted<ExprId> {
        let left = self.symbol()?;
        let relation = match self.peek() {
            Token::Equal => Relation::Equal,
            Token::Unequal => Relation::Unequal,
            Token::Less => Relation::Less,
            Token::LessEqual => Relation::LessEqual,
            Token::Greater => Relation::Greater,
            Token::GreaterEqual => Relation::GreaterEqual,
            _ => return Ok(self.exprs.symbol(left)),
        };
        self.peeked = None;
        let right = self.symbol()?;
        Ok(self.exprs.compare(relation, left, right))
    }
}
