export { insertResultRow as insertResult, retireResultRow as retireResult } from './result-repository.ts'
